"""Contests: terms, works, marks, results. Doors for integrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import UNSET, Meta, UnsetType
from rest_framework.request import Request

from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from rewards.api.draw_shapes import MissingOut
from rewards.api.game_shapes import Kind, Moment
from rewards.api.prize_base import (
    PAGE,
    Code,
    EmptyBody,
    Label,
    Minor,
    Positive,
    PrizeView,
    ReasonBody,
    Reference,
)
from rewards.models import Contest, ContestEntry
from rewards.services import contests
from rewards.services.contests import ContestPrizePlan


class ContestPrizeBody(Body, kw_only=True):
    """The prize of one place. ``value_minor`` counts for tax."""

    place: Annotated[int, Meta(ge=1, le=500)]
    label: Label
    kind: Kind = "other"
    what: Annotated[str, Meta(max_length=80)] = ""
    amount: Positive = 1
    value_minor: Minor = 0


class ContestBody(Body, kw_only=True):
    """The terms of a contest. A draft may leave gaps; opening asks for all of them."""

    code: Code
    title: Annotated[str, Meta(min_length=1, max_length=150)]
    prizes: Annotated[list[ContestPrizeBody], Meta(max_length=50)]
    method: Literal["jury", "score"] = "jury"
    ties: Literal["earlier", "shared"] = "earlier"
    most_mark: Annotated[int, Meta(ge=1, le=100)] = 10
    entries_each: Annotated[int, Meta(ge=1, le=100)] = 1
    organiser: Annotated[str, Meta(max_length=500)] = ""
    rules: Annotated[str, Meta(max_length=20_000)] = ""
    information: Annotated[str, Meta(max_length=300)] = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    results_at: Moment | None = None
    hand_over_place: Annotated[str, Meta(max_length=300)] = ""
    hand_over_terms: Annotated[str, Meta(max_length=500)] = ""


class WorkBody(Body, kw_only=True):
    """A work has a text or a link. ``source_ref`` names it, once for ever."""

    member: UUID
    title: Annotated[str, Meta(min_length=1, max_length=150)]
    body: Annotated[str, Meta(max_length=5_000)] = ""
    link: Annotated[str, Meta(max_length=500, pattern=r"^(https?://[^\s]+)?$(?!\n)")] = ""
    source_ref: Reference


class MarkBody(Body, kw_only=True):
    """The mark of this key's integration, as one judge; again replaces it."""

    mark: Annotated[int, Meta(ge=0, le=100)]
    note: Annotated[str, Meta(max_length=300)] = ""


class ScoreBody(Body, kw_only=True):
    score: Annotated[int, Meta(ge=-(10**9), le=10**9)]


class ContestPrizeOut(msgspec.Struct, kw_only=True):
    place: int
    label: str
    kind: str
    what: str
    amount: int
    value_minor: int


class ContestOut(msgspec.Struct, kw_only=True):
    """``missing``: what opening asks for yet."""

    id: UUID
    code: str
    title: str
    state: str
    method: str
    ties: str
    most_mark: int
    entries_each: int
    organiser: str
    rules: str
    information: str
    starts_at: datetime | None
    ends_at: datetime | None
    results_at: datetime | None
    hand_over_place: str
    hand_over_terms: str
    prizes: list[ContestPrizeOut] | UnsetType = UNSET
    missing: list[MissingOut] | UnsetType = UNSET


class WorkOut(msgspec.Struct, kw_only=True):
    """``result``: thousandths of the average mark, or the score, once the results are out."""

    id: UUID
    member: UUID
    title: str
    body: str
    link: str
    state: str
    reason: str
    score: int | None
    place: int | None
    result: int | None
    sent_at: datetime


class StandingOut(msgspec.Struct, kw_only=True):
    """``place`` 0 and no result: not judged yet."""

    work: UUID
    title: str
    place: int
    result: int | None
    marks: int


class StandingsOut(msgspec.Struct, kw_only=True):
    data: list[StandingOut]


class ContestPage(msgspec.Struct, kw_only=True):
    data: list[ContestOut]
    next: str | None
    has_more: bool


class WorkPage(msgspec.Struct, kw_only=True):
    data: list[WorkOut]
    next: str | None
    has_more: bool


@extend_schema(tags=["contests"])
class ContestViewSet(PrizeView[Contest]):
    """Contests by merit, judged by a jury or a score."""

    queryset = Contest.objects.select_related("programme")
    scopes = dict.fromkeys(
        ("browse", "retrieve", "works", "standing"), "draws:read"
    ) | dict.fromkeys(
        ("create", "update", "open", "close", "publish", "cancel", "send"), "draws:write"
    )

    def get_queryset(self) -> QuerySet[Contest]:
        return Contest.objects.select_related("programme").filter(programme=self.programme)

    @property
    def contest(self) -> Contest:
        return self.found(self.get_queryset())

    @extend_schema(
        operation_id="contests_list", parameters=PAGE, responses={200: schema_of(ContestPage)}
    )
    def browse(self, request: Request) -> HttpResponse:
        """All contests, the newest first."""
        return self.page(request, self.get_queryset(), contest_out)

    @extend_schema(operation_id="contests_retrieve", responses={200: schema_of(ContestOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A contest with its prizes, and what is missing before it can open."""
        return self.one(request, whole_out(self.contest))

    @extend_schema(request=json_body(ContestBody), responses={201: schema_of(ContestOut)})
    def create(self, request: Request) -> HttpResponse:
        """A new contest, as a draft."""
        return self.do(
            request,
            ContestBody,
            lambda asked: self._save(Contest(programme=self.programme), asked),
            201,
        )

    @extend_schema(request=json_body(ContestBody), responses={200: schema_of(ContestOut)})
    def update(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Another wording of a draft."""
        return self.do(request, ContestBody, lambda asked: self._save(self.contest, asked))

    def _save(self, contest: Contest, asked: ContestBody) -> ContestOut:
        for name in ContestBody.__struct_fields__:
            if name != "prizes":
                setattr(contest, name, getattr(asked, name))
        plans = [ContestPrizePlan(**msgspec.structs.asdict(one)) for one in asked.prizes]
        saved = contests.save_contest(contest=contest, prizes=plans, actor=self.actor)
        return whole_out(saved)

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(ContestOut)})
    def open(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take works. Refused with all that the law asks and is missing."""
        return self._step(request, contests.open_contest)

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(ContestOut)})
    def close(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take no more works, and let the jury begin."""
        return self._step(request, contests.close_entries)

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(ContestOut)})
    def publish(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Fix the places and give the prizes."""
        return self._step(request, contests.publish_results)

    def _step(self, request: Request, service: Any) -> HttpResponse:
        return self.do(
            request,
            EmptyBody,
            lambda _asked: whole_out(service(contest=self.contest, actor=self.actor)),
        )

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(ContestOut)})
    def cancel(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Call a contest off before its results are out."""
        return self.do(
            request,
            ReasonBody,
            lambda asked: whole_out(
                contests.cancel_contest(contest=self.contest, reason=asked.reason, actor=self.actor)
            ),
        )

    @extend_schema(request=json_body(WorkBody), responses={201: schema_of(WorkOut)})
    def send(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A member's work; somebody looks at it before it takes part."""
        return self.do(request, WorkBody, self._send, 201)

    def _send(self, asked: WorkBody) -> WorkOut:
        work = contests.send_work(
            contest=self.contest, member=self.member(asked.member), title=asked.title,
            body=asked.body, link=asked.link, source_ref=asked.source_ref, actor=self.actor,
        )  # fmt: skip
        return work_out(work)

    @extend_schema(
        operation_id="contest_works_list", parameters=PAGE, responses={200: schema_of(WorkPage)}
    )
    def works(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """All works, the newest first."""
        rows = ContestEntry.objects.select_related("member").filter(contest=self.contest)
        return self.page(request, rows, work_out)

    @extend_schema(operation_id="contests_standing", responses={200: schema_of(StandingsOut)})
    def standing(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Places as they stand now."""
        rows = [
            StandingOut(
                work=row.work.public_id, title=row.work.title, place=row.place,
                result=row.result, marks=row.marks,
            )
            for row in contests.standing(self.contest)
        ]  # fmt: skip
        return self.one(request, StandingsOut(data=rows))


@extend_schema(tags=["contests"])
class WorkViewSet(PrizeView[ContestEntry]):
    """One work: let in or turned away, marked or scored."""

    queryset = ContestEntry.objects.none()
    scopes = dict.fromkeys(("let_in", "reject", "mark", "score"), "draws:write")

    @property
    def work(self) -> ContestEntry:
        return self.found(ContestEntry.objects.select_related("member", "contest"))

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(WorkOut)})
    def let_in(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The work takes part."""
        return self.do(
            request,
            EmptyBody,
            lambda _asked: self._after(contests.let_in(work=self.work, actor=self.actor)),
        )

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(WorkOut)})
    def reject(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The work does not take part, and why."""
        return self.do(
            request,
            ReasonBody,
            lambda asked: self._after(
                contests.reject(work=self.work, reason=asked.reason, actor=self.actor)
            ),
        )

    @extend_schema(request=json_body(MarkBody), responses={200: schema_of(WorkOut)})
    def mark(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A mark of one judge: the integration itself."""
        return self.do(request, MarkBody, self._mark)

    def _mark(self, asked: MarkBody) -> WorkOut:
        given = contests.give_mark(
            work=self.work, mark=asked.mark, note=asked.note, actor=self.actor
        )
        return self._after(given.entry)

    @extend_schema(request=json_body(ScoreBody), responses={200: schema_of(WorkOut)})
    def score(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The score of a work; the last one counts."""
        return self.do(
            request,
            ScoreBody,
            lambda asked: self._after(
                contests.give_score(work=self.work, score=asked.score, actor=self.actor)
            ),
        )

    def _after(self, work: ContestEntry) -> WorkOut:
        return work_out(ContestEntry.objects.select_related("member").get(pk=work.pk))


def contest_out(contest: Contest) -> ContestOut:
    special = ("id", "prizes", "missing")
    plain = [name for name in ContestOut.__struct_fields__ if name not in special]
    return ContestOut(id=contest.public_id, **{name: getattr(contest, name) for name in plain})


def whole_out(contest: Contest) -> ContestOut:
    told = contest_out(contest)
    told.prizes = [
        ContestPrizeOut(**{name: getattr(one, name) for name in ContestPrizeOut.__struct_fields__})
        for one in contest.prizes.all()
    ]
    missing = contests.missing_of(contest) if contest.state == Contest.State.DRAFT else []
    told.missing = [
        MissingOut(pointer=one["pointer"], detail=str(one["detail"])) for one in missing
    ]
    return told


def work_out(work: ContestEntry) -> WorkOut:
    plain = [name for name in WorkOut.__struct_fields__ if name not in ("id", "member")]
    told = {name: getattr(work, name) for name in plain}
    return WorkOut(id=work.public_id, member=work.member.public_id, **told)
