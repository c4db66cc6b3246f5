"""The shapes of simulations, back-tests and retroactive batches on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from loyalty_crm.kernel.api.shapes import Body, Code, Natural
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.problems import fault
from rewards.api.bodies import BasketBody, Moment, ask_of
from rewards.models import BackTest, PromotionVersion, RetroBatch
from rewards.services.tryout.sandbox import Invented, Question
from rewards.services.tryout.sides import VersionRef
from rewards.services.tryout.work import Period

PromotionCode = Annotated[str, Meta(min_length=1, max_length=80)]
Codes = Annotated[list[PromotionCode], Meta(max_length=50)]
Stores = Annotated[list[Code], Meta(max_length=1_000)]


class VersionBody(Body, kw_only=True):
    """A version by its promotion's code and its number; a draft may be named."""

    promotion: PromotionCode
    version: Annotated[int, Meta(ge=1, le=1_000_000)]


Versions = Annotated[list[VersionBody], Meta(max_length=20)]


class InventedBody(Body, kw_only=True):
    """A buyer who does not exist. ``spend`` and ``visits`` answer every window of time."""

    purchases: Natural = 0
    last_purchase_on: date | None = None
    birth_date: date | None = None
    enrolled_on: date | None = None
    tags: Codes = []
    segments: Codes = []
    tier: PromotionCode | None = None
    spend: Natural = 0
    visits: Natural = 0
    categories: Codes = []
    points: Natural = 0


class SimulationBody(BasketBody, kw_only=True):
    """The basket of a quote, with versions to try and promotions to leave out.

    ``coupons_of``: promotions whose coupon counts as shown, though there is none.
    """

    occurred_at: Moment | None = None
    draft_versions: Versions = []
    without: Codes = []
    invented_member: InventedBody | None = None
    coupons_of: Codes = []


class PeriodBody(Body, kw_only=True):
    """Days of the programme's calendar, both included; no stores named means every store."""

    first_day: date
    last_day: date
    stores: Stores = []


class BackTestBody(PeriodBody, kw_only=True):
    versions: Versions = []
    without: Codes = []
    baseline: Literal["live", "past", "none"] = "live"
    name: Annotated[str, Meta(max_length=200)] = ""


class RetroBatchBody(PeriodBody, kw_only=True):
    """Points that ``versions`` would have given, less those of the promotions in ``without``."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    versions: Versions = []
    without: Codes = []


class NamedVersion(msgspec.Struct, kw_only=True):
    promotion: str
    version: int


class BackTestOut(msgspec.Struct, kw_only=True):
    """``done`` of ``total`` receipts are read; ``totals`` is null before the end."""

    id: UUID
    job: UUID
    state: str
    done: int
    total: int | None
    error: str
    name: str
    baseline: str
    versions: list[NamedVersion]
    without: list[str]
    first_day: date
    last_day: date
    stores: list[str]
    created_at: datetime
    totals: dict[str, int] | None


class BackTestRowOut(msgspec.Struct, kw_only=True):
    """One row of the table. Amounts are minor units; before is the baseline."""

    dimension: str
    key: str
    label: str
    receipts: int
    members: int | None
    turnover_minor: int
    goods_cost_minor: int
    points_before: int
    points_after: int
    discount_before: int
    discount_after: int
    cost_before: int
    cost_after: int
    margin_before: int
    margin_after: int
    gained: int
    lost: int


class BackTestRowPage(msgspec.Struct, kw_only=True):
    data: list[BackTestRowOut]
    next: str | None
    has_more: bool


class RetroBatchOut(msgspec.Struct, kw_only=True):
    """``job`` is the work under way, or the last; ``done`` of ``total`` tell how far it is."""

    id: UUID
    job: UUID
    job_state: str
    state: str
    done: int
    total: int | None
    reason: str
    versions: list[NamedVersion]
    without: list[str]
    first_day: date
    last_day: date
    stores: list[str]
    receipts: int
    members: int
    points_given: int
    points_taken: int
    expires_at: datetime | None
    created_by: str
    approved_by: str | None
    approved_at: datetime | None


class RetroItemOut(msgspec.Struct, kw_only=True):
    """``moved`` is what the ledger moved, ``moved_back`` what undoing did."""

    receipt: UUID
    source_ref: str
    store: str
    member: UUID
    points: int
    state: str
    moved: int
    moved_back: int


class RetroItemPage(msgspec.Struct, kw_only=True):
    data: list[RetroItemOut]
    next: str | None
    has_more: bool


def refs_of(versions: Iterable[VersionBody]) -> tuple[VersionRef, ...]:
    return tuple(VersionRef(one.promotion, one.version) for one in versions)


def period_of(body: PeriodBody, stores: Iterable[str]) -> Period:
    return Period(first_day=body.first_day, last_day=body.last_day, stores=tuple(stores))


def question_of(body: SimulationBody, now: datetime, currency: str) -> Question:
    if body.member and body.invented_member:
        raise ValidationFailed(errors=[fault("/invented_member", "exactly_one")])
    return Question(
        ask=ask_of(body, body.occurred_at or now, currency),
        versions=refs_of(body.draft_versions),
        without=tuple(body.without),
        coupons_of=tuple(body.coupons_of),
        invented=_invented(body.invented_member),
    )


def _invented(body: InventedBody | None) -> Invented | None:
    if body is None:
        return None
    given = {name: getattr(body, name) for name in body.__struct_fields__}
    given["spend_minor"] = given.pop("spend")
    lists = {name: tuple(given[name]) for name in ("tags", "segments", "categories")}
    return Invented(**{**given, **lists})


def versions_out(ids: Iterable[int]) -> list[NamedVersion]:
    """One query; in the order of the promotions' codes."""
    known = PromotionVersion.objects.filter(pk__in=list(ids)).order_by("promotion__code")
    return [
        NamedVersion(promotion=code, version=number)
        for code, number in known.values_list("promotion__code", "number")
    ]


def backtest_out(test: BackTest) -> BackTestOut:
    return BackTestOut(
        id=test.public_id,
        state=test.job.state,
        error=test.job.error,
        totals=test.totals if test.is_done else None,
        **_in_common(test, test.job),
        **_same(test, "name", "baseline", "created_at"),
    )


def retro_out(batch: RetroBatch) -> RetroBatchOut:
    return RetroBatchOut(
        id=batch.public_id,
        job_state=batch.job.state,
        receipts=batch.items_count,
        members=batch.members_count,
        approved_by=batch.approved_by or None,
        **_in_common(batch, batch.job),
        **_same(
            batch, "state", "reason", "points_given", "points_taken", "expires_at", "created_by",
            "approved_at",
        ),
    )  # fmt: skip


def _in_common(one: BackTest | RetroBatch, job: Job) -> dict[str, Any]:
    return {
        "job": job.public_id,
        "done": job.done,
        "total": job.total,
        "versions": versions_out(one.versions),
        **_same(one, "without", "first_day", "last_day", "stores"),
    }


def _same(one: object, *names: str) -> Mapping[str, Any]:
    return {name: getattr(one, name) for name in names}
