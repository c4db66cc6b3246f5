"""Shapes of rewards, redemptions, causes and services on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from loyalty_crm.kernel.api.shapes import Body, MoneyBody
from loyalty_crm.kernel.money import Money
from rewards.models import Cause, CausePayment, Redemption, Reward, Service, ServiceUse
from rewards.services.benefits import Share
from rewards.services.catalogue import Offer, sentence
from rewards.services.charity import Standing

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$(?!\n)")]
Name = Annotated[str, Meta(min_length=1, max_length=120)]
Text = Annotated[str, Meta(max_length=2_000)]
Web = Annotated[str, Meta(max_length=300, pattern=r"^(https://[^\s\x00-\x1f]+)?$(?!\n)")]
Known = Annotated[str, Meta(min_length=1, max_length=80)]
Reference = Annotated[str, Meta(min_length=1, max_length=120)]
Reason = Annotated[str, Meta(min_length=1, max_length=300)]
Moment = Annotated[datetime, Meta(tz=True)]
Days = Annotated[int, Meta(ge=1, le=3_660)]
Count = Annotated[int, Meta(ge=1, le=100_000)]
Several = Annotated[list[Known], Meta(max_length=100)]
Kind = Literal[
    "discount", "product", "service", "free_delivery", "experience", "partner_code", "donation",
    "gift_card", "game_play", "draw_ticket",
]  # fmt: skip


class WordsBody(Body, kw_only=True):
    """The same in another language."""

    name: Annotated[str, Meta(max_length=120)] = ""
    description: Text = ""


Translations = dict[Literal["en", "ru"], WordsBody]


class CatalogueRewardBody(Body, kw_only=True):
    """What a kind needs: ``promotion``, ``product`` (SKU), ``service``, ``award_code``, ``value``.

    ``price_points`` in the smallest unit of points. ``stores``, ``tags`` and ``segments``
    left empty: all. ``tier_structure`` left out is the primary ladder.
    """

    code: Slug
    kind: Kind
    name: Name
    price_points: Annotated[int, Meta(ge=1, le=10**12)]
    price_money: MoneyBody | None = None
    description: Text = ""
    translations: Translations = {}
    image_url: Web = ""
    promotion: Known | None = None
    product: Known | None = None
    service: Slug | None = None
    cause: Slug | None = None
    award_code: Annotated[str, Meta(max_length=80)] = ""
    quantity: Count = 1
    value: MoneyBody | None = None
    valid_days: Days | None = None
    stock_mode: Literal["unlimited", "counted", "warehouse"] = "unlimited"
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    needs_confirmation: bool = False
    reserve_days: Annotated[int, Meta(ge=1, le=366)] = 7
    min_tier: Slug | None = None
    tier_structure: Slug | None = None
    tags: Several = []
    segments: Several = []
    stores: Several = []
    min_membership_days: Annotated[int, Meta(ge=0, le=36_600)] = 0
    per_member: Count | None = None
    per_member_days: Days | None = None
    sort: Annotated[int, Meta(ge=-30_000, le=30_000)] = 0


class RewardStateBody(Body, kw_only=True):
    state: Literal["live", "paused", "retired"]


class RewardStockBody(Body, kw_only=True):
    """``store`` null: for all stores without a row of their own."""

    on_hand: Annotated[int, Meta(ge=0, le=2_000_000_000)]
    store: Known | None = None


class RewardCodesBody(Body, kw_only=True):
    codes: Annotated[list[Known], Meta(min_length=1, max_length=10_000)]


class TakeRewardBody(Body, kw_only=True):
    """``source_ref`` is your own number: the same one takes the reward once."""

    member: UUID
    source_ref: Reference
    store: Known | None = None


class HandOverBody(Body, kw_only=True):
    """``payment_ref``: the receipt of the part in money, where there is one."""

    store: Known | None = None
    payment_ref: Annotated[str, Meta(max_length=120)] = ""


class CancelRedemptionBody(Body, kw_only=True):
    reason: Reason


class PickupCodeBody(Body, kw_only=True):
    code: Annotated[str, Meta(min_length=1, max_length=64)]


class RewardLackOut(msgspec.Struct, kw_only=True):
    """``code`` is stable, ``text`` is for people: "37 points more"."""

    code: str
    text: str
    params: dict[str, Any]


class AvailabilityOut(msgspec.Struct, kw_only=True):
    """For the member that was asked for; nothing missing: it can be taken now."""

    available: bool
    missing: list[RewardLackOut]


class RewardStockOut(msgspec.Struct, kw_only=True):
    store: str | None
    on_hand: int
    held: int


class CatalogueRewardOut(msgspec.Struct, kw_only=True):
    id: UUID
    code: str
    kind: str
    state: str
    name: str
    description: str
    translations: dict[str, dict[str, str]]
    price_points: int
    price_money: dict[str, Any] | None
    image_url: str
    promotion: str | None
    product: str | None
    service: str | None
    cause: str | None
    award_code: str
    quantity: int
    value: dict[str, Any] | None
    valid_days: int | None
    stock_mode: str
    starts_at: datetime | None
    ends_at: datetime | None
    needs_confirmation: bool
    reserve_days: int
    min_tier: str | None
    tier_structure: str | None
    tags: list[str]
    segments: list[str]
    stores: list[str]
    min_membership_days: int
    per_member: int | None
    per_member_days: int | None
    sort: int
    free: int | None = None
    availability: AvailabilityOut | None = None


class CatalogueRewardPage(msgspec.Struct, kw_only=True):
    data: list[CatalogueRewardOut]
    next: str | None
    has_more: bool


class CodesAddedOut(msgspec.Struct, kw_only=True):
    """``added``: those that were not in the pool yet."""

    added: int


class RedemptionOut(msgspec.Struct, kw_only=True):
    """``reveal`` tells the code by which it is fetched, or the coupon or card that was given."""

    id: UUID
    reward: str
    member: UUID
    state: str
    points: int
    money: dict[str, Any] | None
    store: str | None
    source_ref: str
    requested_at: datetime
    reserved_until: datetime | None
    ended_at: datetime | None
    reason: str
    payment_ref: str


class RedemptionPage(msgspec.Struct, kw_only=True):
    data: list[RedemptionOut]
    next: str | None
    has_more: bool


class RedemptionCodesOut(msgspec.Struct, kw_only=True):
    """``pickup_code`` while it waits; ``code`` (and ``pin``) of what was given."""

    pickup_code: str | None = None
    code: str | None = None
    pin: str | None = None


class CauseBody(Body, kw_only=True):
    """``is_default``: where pledges of members go who chose none."""

    code: Slug
    name: Name
    description: Text = ""
    translations: Translations = {}
    url: Web = ""
    is_active: bool = True
    is_default: bool = False


class CauseOut(msgspec.Struct, kw_only=True):
    code: str
    name: str
    description: str
    translations: dict[str, dict[str, str]]
    url: str
    is_active: bool
    is_default: bool


class CausesOut(msgspec.Struct, kw_only=True):
    data: list[CauseOut]


class ChooseCauseBody(Body, kw_only=True):
    """``cause`` null: wherever the shop says."""

    cause: Slug | None


class MemberCauseOut(msgspec.Struct, kw_only=True):
    """``cause``: where the member's pledges go; ``chosen``: whether that is an own choice."""

    cause: str | None
    chosen: bool


class CauseTotalOut(msgspec.Struct, kw_only=True):
    """Money by origin; ``outstanding`` is still to be paid. ``gifts``: how often was given."""

    cause: str
    name: str
    by_sales: dict[str, Any]
    by_points: dict[str, Any]
    paid: dict[str, Any]
    outstanding: dict[str, Any]
    gifts: int


class CauseTotalsOut(msgspec.Struct, kw_only=True):
    data: list[CauseTotalOut]


class CausePaymentBody(Body, kw_only=True):
    """``document`` names the payment; the same one is written down once."""

    amount: MoneyBody
    paid_on: date
    document: Reference


class CausePaymentOut(msgspec.Struct, kw_only=True):
    """``reverses`` names the payment that this row takes back."""

    id: UUID
    cause: str
    amount: dict[str, Any]
    paid_on: date
    document: str
    reason: str
    reverses: UUID | None
    recorded_at: datetime


class ServiceRuleBody(Body, kw_only=True):
    """``tier`` null: for everybody. Of several rules the largest count holds."""

    count: Annotated[int, Meta(ge=1, le=1_000)]
    period: Literal["month", "quarter", "year"] = "year"
    tier: Slug | None = None
    tier_structure: Slug | None = None


class ServiceBody(Body, kw_only=True):
    code: Slug
    name: Name
    description: Text = ""
    translations: Translations = {}
    is_active: bool = True
    rules: Annotated[list[ServiceRuleBody], Meta(max_length=20)] = []


class ServiceRuleOut(msgspec.Struct, kw_only=True):
    count: int
    period: str
    tier: str | None
    tier_structure: str | None


class ServiceOut(msgspec.Struct, kw_only=True):
    code: str
    name: str
    description: str
    translations: dict[str, dict[str, str]]
    is_active: bool
    rules: list[ServiceRuleOut]


class ServicesOut(msgspec.Struct, kw_only=True):
    data: list[ServiceOut]


class ServiceShareOut(msgspec.Struct, kw_only=True):
    """``until`` is the last day on which it holds; null: no end."""

    service: str
    name: str
    source: str
    granted: int
    used: int
    left: int
    begins: date
    until: date | None


class ServiceSharesOut(msgspec.Struct, kw_only=True):
    data: list[ServiceShareOut]


class UseServiceBody(Body, kw_only=True):
    reason: Reason
    source_ref: Reference
    store: Known | None = None


class GrantServiceBody(Body, kw_only=True):
    """``until``: the last day; left out: no end."""

    count: Annotated[int, Meta(ge=1, le=1_000)]
    reason: Reason
    source_ref: Reference
    until: date | None = None


class ServiceUseOut(msgspec.Struct, kw_only=True):
    """``of`` names the use that this row takes back."""

    id: UUID
    service: str
    reason: str
    store: str | None
    occurred_at: datetime
    of: UUID | None


def money_out(minor: int | None, currency: str) -> dict[str, Any] | None:
    return Money(minor, currency).wire() if minor else None


def amount_out(minor: int, currency: str) -> dict[str, Any]:
    return Money(minor, currency).wire()


_SAME = (
    "code", "kind", "state", "name", "description", "translations", "price_points", "image_url",
    "award_code", "quantity", "valid_days", "stock_mode", "starts_at", "ends_at",
    "needs_confirmation", "reserve_days", "tags", "segments", "stores", "min_membership_days",
    "per_member", "per_member_days", "sort",
)  # fmt: skip


def reward_out(reward: Reward, offer: Offer | None = None) -> CatalogueRewardOut:
    """Needs the reward ``with_parts``."""
    currency, tier = reward.programme.currency, reward.min_tier
    return CatalogueRewardOut(
        **{name: getattr(reward, name) for name in _SAME},
        id=reward.public_id,
        price_money=money_out(reward.price_money_minor, currency),
        value=money_out(reward.value_minor, currency),
        promotion=reward.promotion.code if reward.promotion else None,
        product=reward.product.sku if reward.product else None,
        service=reward.service.code if reward.service else None,
        cause=reward.cause.code if reward.cause else None,
        min_tier=tier.code if tier else None,
        tier_structure=tier.structure.code if tier else None,
        free=offer.free if offer else None,
        availability=_availability(offer) if offer else None,
    )


def _availability(offer: Offer) -> AvailabilityOut:
    programme = offer.reward.programme
    return AvailabilityOut(
        available=offer.is_open,
        missing=[
            RewardLackOut(code=lack.code, text=sentence(lack, programme), params=lack.params)
            for lack in offer.lacks
        ],
    )


def redemption_out(one: Redemption) -> RedemptionOut:
    return RedemptionOut(
        id=one.public_id,
        reward=one.reward.code,
        member=one.member.public_id,
        state=one.state,
        points=one.points,
        money=money_out(one.money_minor, one.reward.programme.currency),
        store=one.store.code if one.store else None,
        source_ref=one.source_ref,
        requested_at=one.requested_at,
        reserved_until=one.reserved_until,
        ended_at=one.ended_at,
        reason=one.reason,
        payment_ref=one.payment_ref,
    )


def cause_out(cause: Cause) -> CauseOut:
    names = CauseOut.__struct_fields__
    return CauseOut(**{name: getattr(cause, name) for name in names})


def total_out(one: Standing, currency: str) -> CauseTotalOut:
    return CauseTotalOut(
        cause=one.code,
        name=one.cause.title if one.cause else one.code,
        by_sales=amount_out(one.by_sales, currency),
        by_points=amount_out(one.by_points, currency),
        paid=amount_out(one.paid, currency),
        outstanding=amount_out(one.outstanding, currency),
        gifts=one.gifts,
    )


def payment_out(one: CausePayment, currency: str) -> CausePaymentOut:
    return CausePaymentOut(
        id=one.public_id,
        cause=one.cause.code,
        amount=amount_out(one.amount_minor, currency),
        paid_on=one.paid_on,
        document=one.document,
        reason=one.reason,
        reverses=one.reverses.public_id if one.reverses else None,
        recorded_at=one.recorded_at,
    )


def service_out(service: Service) -> ServiceOut:
    """Needs its rules with their tiers and ladders."""
    own = ("code", "name", "description", "translations", "is_active")
    return ServiceOut(
        **{name: getattr(service, name) for name in own},
        rules=[
            ServiceRuleOut(
                count=rule.count,
                period=rule.period,
                tier=rule.tier.code if rule.tier else None,
                tier_structure=rule.tier.structure.code if rule.tier else None,
            )
            for rule in service.rules.all()
        ],
    )


def shares_out(shares: Sequence[Share]) -> ServiceSharesOut:
    return ServiceSharesOut(data=[_share_out(one) for one in shares])


def _share_out(one: Share) -> ServiceShareOut:
    last = date.fromordinal(one.ends.toordinal() - 1) if one.ends else None
    return ServiceShareOut(
        service=one.service.code,
        name=one.service.title,
        source=one.source.partition(":")[0],
        granted=one.granted,
        used=one.used,
        left=one.left,
        begins=one.begins,
        until=last,
    )


def service_use_out(use: ServiceUse) -> ServiceUseOut:
    return ServiceUseOut(
        id=use.public_id,
        service=use.entitlement.service.code,
        reason=use.reason,
        store=use.store.code if use.store else None,
        occurred_at=use.occurred_at,
        of=use.of.public_id if use.of else None,
    )
