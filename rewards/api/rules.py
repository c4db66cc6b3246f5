"""The published rules of the programme, and the members who accepted them: for integrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound
from members.models import Member
from rewards.api.promotion_base import answer
from rewards.models import ProgrammeRules, RulesAcceptance
from rewards.services.programmes import default_programme
from rewards.services.rules_page import accept_rules, latest_rules

MOST = 200


class RulesOut(msgspec.Struct, kw_only=True):
    """A published version. ``url`` is its permanent public page; ``text`` is by language."""

    version: int
    digest: str
    published_at: datetime
    url: str
    text: dict[str, Any]


class AcceptanceOut(msgspec.Struct, kw_only=True):
    version: int
    digest: str
    channel: str
    accepted_at: datetime


class AcceptancesOut(msgspec.Struct, kw_only=True):
    """``is_current``: whether the newest published version is among them."""

    data: list[AcceptanceOut]
    is_current: bool


class AcceptanceBody(Body, kw_only=True):
    """Without a version the newest one was accepted, without a moment just now."""

    version: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    channel: Literal["api", "till", "web", "app", "paper"] = "api"
    accepted_at: Annotated[datetime, Meta(tz=True)] | None = None


@extend_schema(tags=["rules"])
class RulesViewSet(IdempotentMixin, GenericViewSet[RulesAcceptance]):
    """What the programme promised in public, and who said yes to it."""

    queryset = RulesAcceptance.objects.none()
    filter_backends = []
    scopes = {"latest": "rules:read", "browse": "members:read", "accept": "members:write"}

    @extend_schema(operation_id="programme_rules", responses={200: schema_of(RulesOut)})
    def latest(self, request: Request) -> HttpResponse:
        """The newest published version of the programme's rules."""
        refuse_unknown(request, set())
        rules = self._version(None)
        return answer(
            RulesOut(
                version=rules.number,
                digest=rules.digest,
                published_at=rules.published_at,
                url=request.build_absolute_uri(reverse("rules-version", args=[rules.number])),
                text=rules.text,
            )
        )

    @extend_schema(
        operation_id="rules_acceptances_list", responses={200: schema_of(AcceptancesOut)}
    )
    def browse(self, request: Request, member_id: UUID) -> HttpResponse:
        """The versions that a member has accepted, the newest first."""
        refuse_unknown(request, set())
        accepted = list(self._of(self._member()).order_by("-rules__number")[:MOST])
        latest = latest_rules(default_programme())
        return answer(
            AcceptancesOut(
                data=[_out(one) for one in accepted],
                is_current=latest is not None and any(one.rules == latest for one in accepted),
            )
        )

    @extend_schema(
        operation_id="rules_acceptances_create",
        request=json_body(AcceptanceBody),
        responses={201: schema_of(AcceptanceOut)},
    )
    def accept(self, request: Request, member_id: UUID) -> HttpResponse:
        """The member has accepted a version. Saying so again keeps the first time."""
        body = decode_request(request, AcceptanceBody)

        def work() -> tuple[int, object]:
            accepted = accept_rules(
                member=self._member(),
                rules=self._version(body.version),
                channel=body.channel,
                accepted_at=body.accepted_at or clock.now(),
                actor=actor_of(request),
            )
            return 201, _out(accepted)

        return self.once(request, operation="rules.accept", validated=body, work=work)

    def _member(self) -> Member:
        known = Member.objects.visible_to(actor_of(self.request))
        if (member := known.filter(public_id=self.kwargs["member_id"]).first()) is None:
            raise NotFound
        return member

    def _of(self, member: Member) -> QuerySet[RulesAcceptance]:
        found = RulesAcceptance.objects.filter(member=member, rules__programme__is_default=True)
        return found.select_related("rules").defer("rules__text")

    def _version(self, number: int | None) -> ProgrammeRules:
        programme = default_programme()
        if number is None:
            found = latest_rules(programme)
        else:
            found = programme.published_rules.filter(number=number).first()
        if found is None:
            raise NotFound(pointer="/version")
        return found


def _out(accepted: RulesAcceptance) -> AcceptanceOut:
    return AcceptanceOut(
        version=accepted.rules.number,
        digest=accepted.rules.digest,
        channel=accepted.channel,
        accepted_at=accepted.accepted_at,
    )
