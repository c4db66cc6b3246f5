"""Ladders of tiers and where a member stands on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel import clock, wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body, Natural
from loyalty_crm.kernel.api.strict_json import decode_request
from members.models import Member
from rewards.models import TierEvaluation, TierFigure, TierStructure
from rewards.services import tiers
from rewards.services.programmes import default_programme
from rewards.services.tiers.ladders import Step
from rewards.services.tiers.outlook import Progress

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$(?!\n)")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Days = Annotated[int, Meta(ge=1, le=3_660)]
Moment = Annotated[datetime, Meta(tz=True)]
Reason = Annotated[str, Meta(min_length=1, max_length=300)]
MOST_DECISIONS = 50


class StepBody(Body, kw_only=True):
    """``threshold``: minor units of money, purchases, units of points, or your own unit.

    ``visits``: purchases beside it or in its place, as the ladder's ``needs`` says.
    """

    code: Slug
    name: Name
    threshold: Natural
    visits: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class StructureBody(Body, kw_only=True):
    """Tiers stand from below. ``is_primary``: promotions read this ladder.

    ``review_now``: the time of those whose tier became dearer is over at once; else they
    keep it until their review.
    """

    code: Slug
    name: Name
    tiers: Annotated[list[StepBody], Meta(min_length=1, max_length=20)]
    metric: Literal["spend", "visits", "points", "custom"] = "spend"
    window: Literal["rolling", "calendar_year", "anniversary"] = "rolling"
    window_days: Days = 365
    term_days: Days = 365
    rises: Literal["at_once", "next_period"] = "at_once"
    needs: Literal["all", "any"] = "all"
    landing: Literal["by_result", "one_step", "lowest"] = "one_step"
    grace_days: Annotated[int, Meta(ge=0, le=366)] = 0
    is_primary: bool = False
    review_now: bool = False


class FigureBody(Body, kw_only=True):
    """So much of a ladder's own figure. ``reference``: once per ladder. Below 0: a correction."""

    member: UUID
    amount: Annotated[int, Meta(ge=-(10**12), le=10**12)]
    occurred_at: Moment
    reference: Annotated[str, Meta(min_length=1, max_length=120)]


class GrantBody(Body, kw_only=True):
    """``tier`` null takes the tier away; ``structure`` left out is the primary ladder."""

    tier: Slug | None
    reason: Reason
    until: Moment | None = None
    structure: Slug | None = None


class StepOut(msgspec.Struct, kw_only=True):
    code: str
    name: str
    threshold: int
    visits: int | None


class FigureOut(msgspec.Struct, kw_only=True):
    member: UUID
    amount: int
    occurred_at: datetime
    reference: str
    recorded_at: datetime


class StructureOut(msgspec.Struct, kw_only=True):
    id: UUID
    code: str
    name: str
    metric: str
    window: str
    window_days: int
    term_days: int
    rises: str
    needs: str
    landing: str
    grace_days: int
    is_primary: bool
    tiers: list[StepOut]


class StructuresOut(msgspec.Struct, kw_only=True):
    """All ladders of the programme."""

    data: list[StructureOut]


class DecisionOut(msgspec.Struct, kw_only=True):
    """One decision: the figure of the window since ``counted_from``, and what became of it."""

    at: datetime
    cause: str
    from_tier: str | None
    to_tier: str | None
    value: int | None
    visits: int | None
    counted_from: datetime | None
    valid_until: datetime | None
    reason: str


class StandingOut(msgspec.Struct, kw_only=True):
    """Figures in the unit of the ladder's metric. ``missing_to_keep``: for the review, today.

    ``visits``: purchases, where a tier of the ladder asks for them.
    """

    structure: str
    tier: str | None
    since: datetime | None
    valid_until: datetime | None
    value: int
    visits: int | None
    next_tier: str | None
    missing: int
    missing_visits: int
    missing_to_keep: int | None
    missing_visits_to_keep: int | None
    decisions: list[DecisionOut]


class StandingsOut(msgspec.Struct, kw_only=True):
    data: list[StandingOut]


@extend_schema(tags=["tiers"])
class TierStructureViewSet(IdempotentMixin, ViewSet):
    """Ladders of tiers. A change moves nobody at once."""

    scopes = {
        "browse": "rules:read",
        "create": "rules:write",
        "update": "rules:write",
        "record": "members:write",
    }

    @extend_schema(responses={200: schema_of(StructuresOut)})
    def browse(self, request: Request) -> HttpResponse:
        """All ladders with their tiers, from below."""
        found = TierStructure.objects.prefetch_related("tiers").order_by("pk")
        return _answer(StructuresOut(data=[structure_out(one) for one in found]))

    @extend_schema(request=json_body(StructureBody), responses={201: schema_of(StructureOut)})
    def create(self, request: Request) -> HttpResponse:
        """A new ladder."""
        asked = decode_request(request, StructureBody)

        def work() -> tuple[int, object]:
            blank = TierStructure(programme=default_programme())
            return 201, _saved(blank, asked, actor_of(request))

        return self.once(request, operation="tiers.create", validated=asked, work=work)

    @extend_schema(request=json_body(StructureBody), responses={200: schema_of(StructureOut)})
    def update(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Another wording of the whole ladder. Members keep their tier until its time is over."""
        asked = decode_request(request, StructureBody)

        def work() -> tuple[int, object]:
            known = TierStructure.objects.select_related("programme").filter(public_id=id).first()
            if known is None:
                raise Http404
            return 200, _saved(known, asked, actor_of(request))

        return self.once(request, operation="tiers.update", validated=asked, work=work)

    @extend_schema(request=json_body(FigureBody), responses={201: schema_of(FigureOut)})
    def record(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Add to a member's figure on a ladder that counts a figure of your own.

        Under the same reference once: the same again answers the first one.
        """
        asked = decode_request(request, FigureBody)

        def work() -> tuple[int, object]:
            known = TierStructure.objects.filter(public_id=id).first()
            if known is None:
                raise Http404
            figure = tiers.record_figure(
                structure=known,
                member=_member(request, asked.member),
                amount=asked.amount,
                occurred_at=asked.occurred_at,
                reference=asked.reference,
                actor=actor_of(request),
            )
            return 201, figure_out(figure)

        return self.once(request, operation="tiers.record", validated=asked, work=work)


@extend_schema(tags=["tiers"])
class MemberTierViewSet(IdempotentMixin, ViewSet):
    """Where a member stands, what is missing, and why."""

    scopes = {"retrieve": "members:read", "grant": "members:write"}

    @extend_schema(responses={200: schema_of(StandingsOut)})
    def retrieve(self, request: Request, member_id: UUID) -> HttpResponse:
        """One standing for each ladder, with the last 50 decisions."""
        member = _member(request, member_id)
        ladders = TierStructure.objects.select_related("programme").order_by("-is_primary", "pk")
        return _answer(StandingsOut(data=[standing_out(one, member) for one in ladders]))

    @extend_schema(request=json_body(GrantBody), responses={200: schema_of(StandingOut)})
    def grant(self, request: Request, member_id: UUID) -> HttpResponse:
        """Give a tier until a moment, or take it away; both with a reason."""
        asked = decode_request(request, GrantBody)

        def work() -> tuple[int, object]:
            member = _member(request, member_id)
            structure = _asked_structure(asked.structure)
            _by_hand(structure, member, asked, actor_of(request))
            return 200, standing_out(structure, member)

        return self.once(request, operation="tiers.grant", validated=asked, work=work)


def _by_hand(structure: TierStructure, member: Member, asked: GrantBody, actor: Actor) -> None:
    if asked.tier is None:
        tiers.end_tier(structure=structure, member=member, reason=asked.reason, actor=actor)
        return
    tiers.grant_tier(
        structure=structure,
        member=member,
        code=asked.tier,
        until=asked.until or clock.now(),
        reason=asked.reason,
        actor=actor,
    )


def _asked_structure(code: str | None) -> TierStructure:
    known = TierStructure.objects.select_related("programme")
    found = known.filter(code=code) if code else known.filter(is_primary=True)
    if (structure := found.first()) is None:
        raise Http404
    return structure


def _member(request: Request, member_id: UUID) -> Member:
    visible = Member.objects.visible_to(actor_of(request))
    if (member := visible.filter(public_id=member_id).first()) is None:
        raise Http404
    return member


def _saved(structure: TierStructure, asked: StructureBody, actor: Actor) -> StructureOut:
    for name in StructureBody.__struct_fields__:
        if name not in ("tiers", "review_now"):
            setattr(structure, name, getattr(asked, name))
    steps = [Step(one.code, one.name, one.threshold, one.visits) for one in asked.tiers]
    saved = tiers.save_structure(
        structure=structure, steps=steps, review_now=asked.review_now, actor=actor
    )
    return structure_out(saved)


def structure_out(structure: TierStructure) -> StructureOut:
    names = [name for name in StructureOut.__struct_fields__ if name not in ("id", "tiers")]
    steps = sorted(structure.tiers.all(), key=lambda tier: tier.rank)
    return StructureOut(
        id=structure.public_id,
        tiers=[
            StepOut(code=one.code, name=one.name, threshold=one.threshold, visits=one.visits)
            for one in steps
        ],
        **{name: getattr(structure, name) for name in names},
    )


def standing_out(structure: TierStructure, member: Member) -> StandingOut:
    """Seven queries for each ladder."""
    progress: Progress = tiers.progress_of(structure=structure, member=member, now=clock.now())
    decisions = TierEvaluation.objects.filter(structure=structure, member=member)
    known = decisions.select_related("from_tier", "to_tier").order_by("-at", "-pk")
    return StandingOut(
        structure=structure.code,
        tier=progress.tier.code if progress.tier else None,
        since=progress.since,
        valid_until=progress.valid_until,
        value=progress.value,
        visits=progress.visits,
        next_tier=progress.next_tier.code if progress.next_tier else None,
        missing=progress.missing,
        missing_visits=progress.missing_visits,
        missing_to_keep=progress.to_keep.value if progress.to_keep else None,
        missing_visits_to_keep=progress.to_keep.visits if progress.to_keep else None,
        decisions=[decision_out(one) for one in known[:MOST_DECISIONS]],
    )


def decision_out(decision: TierEvaluation) -> DecisionOut:
    return DecisionOut(
        at=decision.at,
        cause=decision.cause,
        from_tier=decision.from_tier.code if decision.from_tier else None,
        to_tier=decision.to_tier.code if decision.to_tier else None,
        value=decision.value,
        visits=decision.visits,
        counted_from=decision.window_from,
        valid_until=decision.valid_until,
        reason=decision.reason,
    )


def figure_out(figure: TierFigure) -> FigureOut:
    return FigureOut(
        member=figure.member.public_id,
        amount=figure.amount,
        occurred_at=figure.occurred_at,
        reference=figure.source_ref,
        recorded_at=figure.recorded_at,
    )


def _answer(body: object) -> HttpResponse:
    return HttpResponse(wire.encode(body), content_type="application/json")
