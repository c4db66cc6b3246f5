"""Households and their pools over the API. Whoever acts is named in the body, by their own word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request

from loyalty_crm.kernel import clock, throttle
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound
from members.errors import InvitationUnknown
from members.models import Household, HouseholdMember
from members.services import households
from rewards.api.beyond import BeyondView, Reference, answer, member_of
from rewards.api.bodies import MemberBody
from rewards.models import HouseholdPool
from rewards.services import pools
from rewards.services.programmes import default_programme

Percent = Annotated[int, Meta(ge=0, le=100)]


class OpenBody(Body, kw_only=True):
    """``agrees`` has to be true: the member has said yes to sharing. ``leaving``: see the docs."""

    member: MemberBody
    agrees: bool
    share_percent: Percent = 0
    leaving: Literal["own", "equal", "nothing"] = "own"


class JoinBody(Body, kw_only=True):
    code: Annotated[str, Meta(min_length=6, max_length=40)]
    member: MemberBody
    agrees: bool
    share_percent: Percent = 0


class InviteBody(Body, kw_only=True):
    by: MemberBody
    may_spend: bool = True


class ChangeBody(Body, kw_only=True):
    """The share is the member's own to change, the right to spend is the owner's to give."""

    by: MemberBody
    member: MemberBody
    share_percent: Percent | None = None
    may_spend: bool | None = None


class WhoBody(Body, kw_only=True):
    member: MemberBody


class PointsBody(Body, kw_only=True):
    """``points`` in the programme's smallest unit; ``source_ref`` is your own name of the move."""

    member: MemberBody
    points: Annotated[int, Meta(ge=1, le=10**12)]
    source_ref: Reference


class StayOut(msgspec.Struct, kw_only=True):
    """``takes_along``: points that would leave with the member now."""

    member: UUID
    is_owner: bool
    share_percent: int
    may_spend: bool
    agreed_at: datetime
    takes_along: int


class HouseholdOut(msgspec.Struct, kw_only=True):
    id: UUID
    points: int
    available: int
    leaving: str
    members: list[StayOut]
    created_at: datetime
    closed_at: datetime | None


class InvitedOut(msgspec.Struct, kw_only=True):
    """The code is shown this once."""

    code: str
    expires_at: datetime


class LeftOut(msgspec.Struct, kw_only=True):
    points: int


def household_out(household: Household) -> HouseholdOut:
    pool = household.pool
    stays = household.stays.filter(left_at=None).select_related("member", "household")
    return HouseholdOut(
        id=household.public_id,
        points=pool.wallet.posted,
        available=pool.wallet.available,
        leaving=pool.leaving,
        members=[_stay_out(pool, stay) for stay in stays.order_by("agreed_at", "pk")],
        created_at=household.created_at,
        closed_at=household.closed_at,
    )


def _stay_out(pool: HouseholdPool, stay: HouseholdMember) -> StayOut:
    return StayOut(
        member=stay.member.public_id,
        is_owner=stay.is_owner,
        share_percent=stay.share_percent,
        may_spend=stay.may_spend,
        agreed_at=stay.agreed_at,
        takes_along=pools.part_of(pool, stay, pool.wallet.available),
    )


@extend_schema(tags=["households"])
class HouseholdViewSet(BeyondView[Household]):
    """People who share one pool of points: at most ten, each in one household at a time."""

    queryset = Household.objects.select_related("pool__wallet")
    scopes = dict.fromkeys(("retrieve", "of_member"), "households:read") | dict.fromkeys(
        ("create", "join", "invite", "change", "leave", "put_in", "draw"), "households:write"
    )

    def get_queryset(self) -> QuerySet[Household]:
        return Household.objects.select_related("pool__wallet").filter(pool__isnull=False)

    @extend_schema(
        operation_id="households_create",
        request=json_body(OpenBody),
        responses={201: schema_of(HouseholdOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Open a household of one, who may invite others."""
        asked = decode_request(request, OpenBody)
        member = member_of(asked.member, self.actor)

        def work() -> tuple[int, object]:
            pool = pools.open_pool(
                programme=default_programme(),
                member=member,
                share_percent=asked.share_percent,
                agrees=asked.agrees,
                leaving=asked.leaving,
                now=clock.now(),
                actor=self.actor,
            )
            return 201, household_out(self.found(pool.household.public_id))

        return self.once(request, operation="households.create", validated=asked, work=work)

    @extend_schema(operation_id="households_retrieve", responses={200: schema_of(HouseholdOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A household, its pool and its members."""
        return answer(household_out(self.found(id)))

    @extend_schema(
        operation_id="member_household_retrieve", responses={200: schema_of(HouseholdOut)}
    )
    def of_member(self, request: Request, member_id: UUID) -> HttpResponse:
        """The household that a member belongs to now."""
        mine = self.get_queryset().filter(
            stays__member__public_id=member_id, stays__left_at__isnull=True
        )
        if (household := mine.first()) is None:
            raise NotFound
        return answer(household_out(household))

    @extend_schema(
        operation_id="households_invite",
        request=json_body(InviteBody),
        responses={201: schema_of(InvitedOut)},
    )
    def invite(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A code that lets one more person join within seven days."""
        asked = decode_request(request, InviteBody)
        by = member_of(asked.by, self.actor, "/by")

        def work() -> tuple[int, object]:
            invitation, code = households.invite(
                household=self.found(id),
                by=by,
                may_spend=asked.may_spend,
                now=clock.now(),
                actor=self.actor,
            )
            return 201, InvitedOut(code=code, expires_at=invitation.expires_at)

        return self.once(request, operation="households.invite", validated=asked, work=work)

    @extend_schema(
        operation_id="households_join",
        request=json_body(JoinBody),
        responses={200: schema_of(HouseholdOut)},
    )
    def join(self, request: Request) -> HttpResponse:
        """Join by a code. Wrong codes are counted."""
        asked = decode_request(request, JoinBody)
        member = member_of(asked.member, self.actor)

        def work() -> tuple[int, object]:
            stay = households.join(
                code=asked.code,
                member=member,
                share_percent=asked.share_percent,
                agrees=asked.agrees,
                now=clock.now(),
                actor=self.actor,
            )
            return 200, household_out(self.found(stay.household.public_id))

        with throttle.guarded("households", actor=self.actor) as guesses:
            try:
                return self.once(request, operation="households.join", validated=asked, work=work)
            except InvitationUnknown:
                guesses.wrong = 1
                raise

    @extend_schema(
        operation_id="households_change",
        request=json_body(ChangeBody),
        responses={200: schema_of(HouseholdOut)},
    )
    def change(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Change a share or the right to spend."""
        asked = decode_request(request, ChangeBody)
        member, by = member_of(asked.member, self.actor), member_of(asked.by, self.actor, "/by")

        def work() -> object:
            return households.change_stay(
                household=self.found(id),
                member=member,
                by=by,
                share_percent=asked.share_percent,
                may_spend=asked.may_spend,
                actor=self.actor,
            )

        return self._do(request, asked, work)

    @extend_schema(
        operation_id="households_leave",
        request=json_body(WhoBody),
        responses={200: schema_of(LeftOut)},
    )
    def leave(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Leave, and take along what the household's rule says."""
        asked = decode_request(request, WhoBody)
        member = member_of(asked.member, self.actor)

        def work() -> tuple[int, object]:
            taken = pools.leave(
                household=self.found(id), member=member, now=clock.now(), actor=self.actor
            )
            return 200, LeftOut(points=taken)

        return self.once(request, operation="households.leave", validated=asked, work=work)

    @extend_schema(
        operation_id="households_put_in",
        request=json_body(PointsBody),
        responses={200: schema_of(HouseholdOut)},
    )
    def put_in(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Put points of a member into the pool."""
        return self._move(request, pools.put_in)

    @extend_schema(
        operation_id="households_draw",
        request=json_body(PointsBody),
        responses={200: schema_of(HouseholdOut)},
    )
    def draw(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take points out of the pool to spend them; needs the right to."""
        return self._move(request, pools.draw)

    def _move(self, request: Request, service: Callable[..., object]) -> HttpResponse:
        asked = decode_request(request, PointsBody)
        member = member_of(asked.member, self.actor)

        def work() -> object:
            return service(
                household=self.found(self.kwargs["id"]),
                member=member,
                points=asked.points,
                source_ref=asked.source_ref,
                actor=self.actor,
            )

        return self._do(request, asked, work)

    def _do(self, request: Request, asked: Any, work: Callable[[], object]) -> HttpResponse:
        def told() -> tuple[int, object]:
            work()
            return 200, household_out(self.found(self.kwargs["id"]))

        return self.once(request, operation=f"households.{self.action}", validated=asked, work=told)
