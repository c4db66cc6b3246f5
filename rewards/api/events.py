"""Action events over the API: told once by their source, decided by rule or by a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec import Meta
from rest_framework.request import Request

from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import DomainError, ValidationFailed
from members.models import Member
from rewards.api.beyond import PAGE, BeyondView, ReasonBody, Reference, answer, member_of
from rewards.api.bodies import MemberBody, Moment
from rewards.errors import MemberUnknown
from rewards.models import ActionEvent, EventKind
from rewards.services import events
from rewards.services.events import Action, Taken

MOST_AT_ONCE = 100
Source = Annotated[str, Meta(min_length=1, max_length=80)]
Kind = Annotated[str, Meta(min_length=1, max_length=40)]
Url = Annotated[str, Meta(max_length=500, pattern=r"^https?://[^\s]+$")]


class EventBody(Body, kw_only=True):
    """``source`` and ``id`` name the event for ever. ``object``: the product, order or policy."""

    source: Source
    id: Reference
    kind: Kind
    member: MemberBody
    occurred_at: Moment
    object: Annotated[str, Meta(max_length=120)] = ""
    proof_url: Url | None = None
    proof_text: Annotated[str, Meta(max_length=5_000)] = ""


class EventsBody(Body, kw_only=True):
    events: Annotated[list[EventBody], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class ApproveBody(Body, kw_only=True):
    reason: Annotated[str, Meta(max_length=300)] = ""


class RewardOut(msgspec.Struct, kw_only=True):
    """Points in the programme's smallest unit, pieces of all else."""

    kind: str
    amount: int
    code: str = ""
    valid_days: int | None = None


class KindOut(msgspec.Struct, kw_only=True):
    code: str
    name: str
    reward: RewardOut
    once: str
    needs_approval: bool
    needs_proof: bool


class KindsOut(msgspec.Struct, kw_only=True):
    data: list[KindOut]


class EventOut(msgspec.Struct, kw_only=True):
    """``state``: pending, granted, rejected, over_limit or reversed."""

    id: UUID
    source: str
    event_id: str
    kind: str
    member: UUID
    object: str
    state: str
    reason: str
    given: RewardOut | None
    occurred_at: datetime
    recorded_at: datetime
    decided_at: datetime | None
    duplicate_of_existing: bool = False


class RowOut(msgspec.Struct, kw_only=True):
    """Of each event of a batch: what became of it, or the code of its refusal."""

    index: int
    event: EventOut | None = None
    code: str = ""
    detail: str = ""


class RowsOut(msgspec.Struct, kw_only=True):
    data: list[RowOut]


class EventPage(msgspec.Struct, kw_only=True):
    data: list[EventOut]
    next: str | None
    has_more: bool


def event_out(event: ActionEvent, is_repeat: bool = False) -> EventOut:
    bonus = event.bonus
    given = RewardOut(kind=bonus.kind, amount=bonus.amount, code=bonus.code) if bonus else None
    return EventOut(
        id=event.public_id,
        source=event.source,
        event_id=event.event_id,
        kind=event.kind.code,
        member=event.member.public_id,
        object=event.object_ref,
        state=event.state,
        reason=event.reason,
        given=given,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        decided_at=event.decided_at,
        duplicate_of_existing=is_repeat,
    )


@extend_schema(tags=["actions"])
class EventViewSet(BeyondView[ActionEvent]):
    """Actions that earn without a purchase: reviews, surveys, visits, renewed policies."""

    queryset = ActionEvent.objects.shown()
    filters = {
        "state": "state",
        "kind": "kind__code",
        "member": "member__public_id",
        "source": "source",
        "event_id": "event_id",
    }
    scopes = (
        dict.fromkeys(("browse", "retrieve", "kinds"), "actions:read")
        | dict.fromkeys(("create", "batch"), "actions:write")
        | dict.fromkeys(("approve", "reject", "reverse"), "actions:decide")
    )

    @extend_schema(
        operation_id="events_create",
        request=json_body(EventBody),
        responses={201: schema_of(EventOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Tell of one action. The same source and id again answers with the first."""
        asked = decode_request(request, EventBody)
        # Before the transaction: wrong guesses of cards and phones are counted for good.
        member = member_of(asked.member, self.actor)

        def work() -> tuple[int, object]:
            return 201, self._take(asked, member)

        return self.once(request, operation="events.create", validated=asked, work=work)

    @extend_schema(
        operation_id="events_batch",
        request=json_body(EventsBody),
        responses={200: schema_of(RowsOut)},
    )
    def batch(self, request: Request) -> HttpResponse:
        """Up to 100 actions; one that is refused does not keep back the others."""
        asked = decode_request(request, EventsBody)
        members = [self._found_member(one) for one in asked.events]

        def work() -> tuple[int, object]:
            pairs = enumerate(zip(asked.events, members, strict=True))
            return 200, RowsOut(data=[self._row(no, one, member) for no, (one, member) in pairs])

        return self.once(request, operation="events.batch", validated=asked, work=work)

    @extend_schema(operation_id="events_kinds", responses={200: schema_of(KindsOut)})
    def kinds(self, request: Request) -> HttpResponse:
        """The kinds of actions that are rewarded now."""
        kinds = EventKind.objects.filter(programme__is_default=True, is_active=True)[:500]
        return answer(KindsOut(data=[_kind_out(kind) for kind in kinds]))

    @extend_schema(
        operation_id="events_list",
        parameters=[*PAGE, *(OpenApiParameter(name, str) for name in filters)],
        responses={200: schema_of(EventPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """Actions, the newest first."""
        return self.page(request, event_out)

    @extend_schema(operation_id="events_retrieve", responses={200: schema_of(EventOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """One action and what became of it."""
        return answer(event_out(self.found(id)))

    @extend_schema(
        operation_id="events_approve",
        request=json_body(ApproveBody),
        responses={200: schema_of(EventOut)},
    )
    def approve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Reward an action that waits for a decision."""
        return self._decide(request, ApproveBody, events.approve)

    @extend_schema(
        operation_id="events_reject",
        request=json_body(ReasonBody),
        responses={200: schema_of(EventOut)},
    )
    def reject(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Reject an action that waits for a decision, and say why."""
        return self._decide(request, ReasonBody, events.reject)

    @extend_schema(
        operation_id="events_reverse",
        request=json_body(ReasonBody),
        responses={200: schema_of(EventOut)},
    )
    def reverse(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take the reward of an action back, and say why."""
        return self._decide(request, ReasonBody, events.reverse)

    def _found_member(self, asked: EventBody) -> Member | DomainError:
        try:
            return member_of(asked.member, self.actor)
        except (MemberUnknown, ValidationFailed) as refusal:
            return refusal

    def _take(self, asked: EventBody, member: Member) -> EventOut:
        taken: Taken = events.record_event(
            member=member,
            action=Action(
                source=asked.source,
                event_id=asked.id,
                kind=asked.kind,
                occurred_at=asked.occurred_at,
                object_ref=asked.object,
                proof_url=asked.proof_url or "",
                proof_text=asked.proof_text,
            ),
            actor=self.actor,
        )
        # Its moment is the database's.
        return event_out(self.found(taken.event.public_id), taken.is_repeat)

    def _row(self, index: int, asked: EventBody, member: Member | DomainError) -> RowOut:
        try:
            if isinstance(member, DomainError):
                raise member
            with transaction.atomic():
                return RowOut(index=index, event=self._take(asked, member))
        except DomainError as refusal:
            if refusal.retryable:
                raise
            return RowOut(index=index, code=refusal.code, detail=refusal.message)

    def _decide(
        self, request: Request, shape: Any, service: Callable[..., ActionEvent]
    ) -> HttpResponse:
        asked = decode_request(request, shape)

        def work() -> tuple[int, object]:
            event = self.found(self.kwargs["id"])
            service(event=event, reason=asked.reason, actor=self.actor)
            return 200, event_out(self.found(event.public_id))

        return self.once(request, operation=f"events.{self.action}", validated=asked, work=work)


def _kind_out(kind: EventKind) -> KindOut:
    return KindOut(
        code=kind.code,
        name=kind.name,
        reward=RewardOut(**kind.reward),
        once=kind.once,
        needs_approval=kind.needs_approval,
        needs_proof=kind.needs_proof,
    )
