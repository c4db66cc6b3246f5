"""Challenges, badges and leaderboards over the API."""

from __future__ import annotations

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault
from rewards.api.awards import MemberAwardsView
from rewards.api.checkout import answer
from rewards.api.stamps import StampRewardOut, member_of
from rewards.models import Leaderboard, MemberBadge, Programme
from rewards.services.challenges.reading import ChallengeView, StepView, challenges_of
from rewards.services.leaderboards.standing import Row, Standing, show_name, standing
from rewards.services.programmes import default_programme

MOST_BOARDS = 100


class ChallengeStepOut(msgspec.Struct, kw_only=True):
    target: int
    is_reached: bool
    badge: str | None
    reward: StampRewardOut


class ChallengeOut(msgspec.Struct, kw_only=True):
    """``value`` is what counts so far: purchases, minor units, categories, days or weeks."""

    challenge: str
    name: str
    text: str
    metric: str
    starts_on: date
    ends_on: date | None
    value: int
    steps: list[ChallengeStepOut]


class ChallengesOut(msgspec.Struct, kw_only=True):
    """Those of today, at most 100."""

    data: list[ChallengeOut]


class PlaceOut(msgspec.Struct, kw_only=True):
    """``name`` is a first name and one letter of those who agreed, else a number of the cycle."""

    place: int
    name: str
    score: int
    is_self: bool


class LeaderboardOut(msgspec.Struct, kw_only=True):
    """Equal scores share a place. ``is_final``: the results stand, whatever comes back."""

    id: UUID
    code: str
    name: str
    score: str
    cycle: str
    begins_on: date
    ends_on: date
    is_final: bool
    places: list[PlaceOut]
    own: PlaceOut | None


class BoardOut(msgspec.Struct, kw_only=True):
    id: UUID
    code: str
    name: str
    score: str
    cycle: str


class BoardsOut(msgspec.Struct, kw_only=True):
    """At most 100."""

    data: list[BoardOut]


class NameBody(Body, kw_only=True):
    """``agrees``: the member is shown as “Anna K.”; otherwise by a number."""

    agrees: bool


class NameOut(msgspec.Struct, kw_only=True):
    agrees: bool


def _step_out(view: StepView) -> ChallengeStepOut:
    step = view.step
    return ChallengeStepOut(
        target=step.target,
        is_reached=view.is_reached,
        badge=step.badge.code if step.badge else None,
        reward=msgspec.convert(step.terms, StampRewardOut),
    )


def challenge_out(view: ChallengeView) -> ChallengeOut:
    one = view.challenge
    return ChallengeOut(
        challenge=one.code,
        name=one.name,
        text=one.text,
        metric=one.metric,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        value=view.value,
        steps=[_step_out(step) for step in view.steps],
    )


def today_of(programme: Programme) -> date:
    return clock.now().astimezone(ZoneInfo(programme.time_zone)).date()


@extend_schema(tags=["challenges"])
class ChallengeViewSet(IdempotentMixin, ViewSet):
    """A member's challenges, and the name in rankings."""

    scopes = {"challenges": "wallets:read", "show_name": "members:write"}

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    @extend_schema(operation_id="challenges_of_member", responses={200: schema_of(ChallengesOut)})
    def challenges(self, request: Request, member_id: UUID) -> HttpResponse:
        """The challenges of today, and how far the member is."""
        member, programme = member_of(self.actor, member_id), default_programme()
        views = challenges_of(member=member, programme=programme, today=today_of(programme))
        return answer(ChallengesOut(data=[challenge_out(one) for one in views]))

    @extend_schema(
        operation_id="leaderboard_name",
        request=json_body(NameBody),
        responses={200: schema_of(NameOut)},
    )
    def show_name(self, request: Request, member_id: UUID) -> HttpResponse:
        """The member agrees to be named in rankings, or no longer."""
        asked = decode_request(request, NameBody)
        member = member_of(self.actor, member_id)

        def work() -> tuple[int, object]:
            show_name(member=member, agrees=asked.agrees, actor=self.actor)
            return 200, NameOut(agrees=asked.agrees)

        return self.once(request, operation="leaderboard.name", validated=asked, work=work)


class BadgeOutput(serializers.ModelSerializer[MemberBadge]):
    """A badge that the member wears."""

    badge = serializers.CharField(source="badge.code", read_only=True)
    name = serializers.CharField(source="badge.name", read_only=True)
    text = serializers.CharField(source="badge.text", read_only=True)
    icon = serializers.CharField(source="badge.icon", read_only=True)

    class Meta:
        model = MemberBadge
        fields = ["badge", "name", "text", "icon", "since"]
        read_only_fields = fields


@extend_schema(tags=["challenges"])
class BadgeViewSet(MemberAwardsView):
    """Badges of a member, newest first."""

    queryset = MemberBadge.objects.none()
    serializer_class = BadgeOutput
    keyset = ("-id",)

    def get_queryset(self) -> QuerySet[MemberBadge]:
        return MemberBadge.objects.filter(member=self.member()).select_related("badge")


@extend_schema(tags=["challenges"])
class LeaderboardViewSet(ViewSet):
    """Rankings of members by weeks or months."""

    scopes = {"boards": "wallets:read", "standing": "wallets:read"}
    query_parameters = ("on", "member")

    @extend_schema(operation_id="leaderboards", responses={200: schema_of(BoardsOut)})
    def boards(self, request: Request) -> HttpResponse:
        """The rankings in use."""
        known = Leaderboard.objects.filter(is_active=True, programme=default_programme())
        return answer(BoardsOut(data=[_board(one) for one in known[:MOST_BOARDS]]))

    @extend_schema(
        operation_id="leaderboard_standing",
        parameters=[
            OpenApiParameter("on", {"type": "string", "format": "date"}),
            OpenApiParameter("member", {"type": "string", "format": "uuid"}),
        ],
        responses={200: schema_of(LeaderboardOut)},
    )
    def standing(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The cycle that a day is in (today's without ``on``), and the place of a member."""
        refuse_unknown(request, {"on", "member"})
        board = Leaderboard.objects.select_related("programme").filter(public_id=id).first()
        if board is None:
            raise Http404
        asked = _uuid(request)
        member = member_of(actor_of(request), asked) if asked else None
        seen = standing(board=board, day=_day(request, board), member=member)
        return answer(_standing(board, seen))


def _uuid(request: Request) -> UUID | None:
    text = request.query_params.get("member", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        message = _("An id of a member.")
        raise ValidationFailed(errors=[fault("/query/member", "invalid", message)]) from None


def _day(request: Request, board: Leaderboard) -> date:
    text = request.query_params.get("on", "")
    try:
        return date.fromisoformat(text) if text else today_of(board.programme)
    except ValueError:
        message = _("A day such as 2026-03-01")
        raise ValidationFailed(errors=[fault("/query/on", "invalid", message)]) from None


def _board(board: Leaderboard) -> BoardOut:
    return BoardOut(
        id=board.public_id,
        code=board.code,
        name=board.name,
        score=board.score,
        cycle=board.cycle,
    )


def _standing(board: Leaderboard, seen: Standing) -> LeaderboardOut:
    return LeaderboardOut(
        **msgspec.structs.asdict(_board(board)),
        begins_on=seen.begins_on,
        ends_on=seen.ends_on,
        is_final=seen.is_final,
        places=[_place(one) for one in seen.rows],
        own=_place(seen.own) if seen.own else None,
    )


def _place(row: Row) -> PlaceOut:
    return PlaceOut(place=row.place, name=row.name, score=row.score, is_self=row.is_self)
