"""Shapes of what partners send and are told: a promise to integrators, field by field."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from loyalty_crm.kernel.api.shapes import Body, Code, MoneyBody, Natural, ShortText
from loyalty_crm.kernel.money import Money
from rewards.api.bodies import MemberBody, Moment
from rewards.models import (
    Partner,
    PartnerCode,
    PartnerContract,
    PartnerOffer,
    PartnerOperation,
    Settlement,
)
from rewards.services.partners.trading import Offered, Traded

Reference = Annotated[str, Meta(min_length=1, max_length=80)]
EventCode = Annotated[str, Meta(min_length=1, max_length=40)]
Points = Annotated[int, Meta(ge=1, le=10**12)]


class PartnerQuoteBody(Body, kw_only=True):
    """What ``amount`` or ``event`` would earn, and what ``points`` would pay."""

    member: MemberBody
    store: Code | None = None
    amount: MoneyBody | None = None
    event: EventCode | None = None
    points: Natural = 0


class PartnerEarnBody(Body, kw_only=True):
    """For a purchase (``amount``) or an ``event`` of the contract: exactly one of the two."""

    member: MemberBody
    reference: Reference
    store: Code | None = None
    amount: MoneyBody | None = None
    event: EventCode | None = None
    occurred_at: Moment | None = None


class PartnerBurnBody(Body, kw_only=True):
    """``points`` in the programme's smallest unit; the answer says what they are worth."""

    member: MemberBody
    reference: Reference
    points: Points
    store: Code | None = None
    occurred_at: Moment | None = None


class PartnerReverseBody(Body, kw_only=True):
    """Without ``points`` all that is left of the operation is undone."""

    reference: Reference
    points: Points | None = None
    store: Code | None = None
    reason: ShortText = ""


class ConfirmCodeBody(Body, kw_only=True):
    code: Annotated[str, Meta(min_length=1, max_length=60)]
    reference: Reference
    store: Code | None = None


class TakeCodeBody(Body, kw_only=True):
    member: MemberBody


class PartnerContractOut(msgspec.Struct, kw_only=True):
    """Prices are for 1 000 points; shares say who bears how much of them."""

    version: int
    payment: str
    may_earn: bool
    may_burn: bool
    earn_points: int
    earn_for: dict[str, Any]
    events: dict[str, int]
    earn_price: dict[str, Any]
    earn_share_percent: int
    burn_price: dict[str, Any]
    burn_share_percent: int
    starts_on: date
    ends_on: date | None


class PartnerSelfOut(msgspec.Struct, kw_only=True):
    """The caller. ``prepaid`` is what is left of the money paid in advance."""

    id: UUID
    code: str
    name: str
    stores: list[str]
    prepaid: dict[str, Any]
    contract: PartnerContractOut | None


class PartnerQuoteOut(msgspec.Struct, kw_only=True):
    earn: int
    points: int
    worth: dict[str, Any]
    available: int


class PartnerOperationOut(msgspec.Struct, kw_only=True):
    """``due`` above zero is owed by the partner, below zero to the partner."""

    id: UUID
    kind: str
    reference: str
    event: str
    store: str | None
    member: UUID
    points: int
    amount: dict[str, Any]
    worth: dict[str, Any]
    due: dict[str, Any]
    contract: int
    reverses: UUID | None
    occurred_at: datetime
    recorded_at: datetime


class PartnerTradedOut(msgspec.Struct, kw_only=True):
    operation: PartnerOperationOut
    balance: int
    duplicate_of_existing: bool = False


class PartnerOperationPage(msgspec.Struct, kw_only=True):
    data: list[PartnerOperationOut]
    next: str | None
    has_more: bool


class SettlementOut(msgspec.Struct, kw_only=True):
    """``net`` above zero is paid by the partner, below zero to the partner."""

    id: UUID
    number: int
    state: str
    first_day: date | None
    last_day: date
    operations: int
    earned_points: int
    burned_points: int
    earned_due: dict[str, Any]
    burned_due: dict[str, Any]
    prepaid_due: dict[str, Any]
    net: dict[str, Any]
    difference: int


class SettlementPage(msgspec.Struct, kw_only=True):
    data: list[SettlementOut]
    next: str | None
    has_more: bool


class PartnerCodeOut(msgspec.Struct, kw_only=True):
    code: str
    offer: UUID
    title: str
    valid_until: date | None
    taken_at: datetime | None
    redeemed_at: datetime | None


class PartnerOfferOut(msgspec.Struct, kw_only=True):
    id: UUID
    partner: str
    partner_name: str
    title: str
    text: str
    per_member: int
    valid_until: date | None


class PartnerOfferPage(msgspec.Struct, kw_only=True):
    data: list[PartnerOfferOut]
    next: str | None
    has_more: bool


class PartnerOut(msgspec.Struct, kw_only=True):
    """As members see a partner."""

    id: UUID
    code: str
    name: str
    category: str
    about: str
    website: str


class PartnerPage(msgspec.Struct, kw_only=True):
    data: list[PartnerOut]
    next: str | None
    has_more: bool


def contract_out(contract: PartnerContract, currency: str) -> PartnerContractOut:
    same = (
        "may_earn", "may_burn", "earn_points", "events", "earn_share_percent",
        "burn_share_percent", "starts_on", "ends_on",
    )  # fmt: skip
    return PartnerContractOut(
        version=contract.number,
        payment=contract.mode,
        earn_for=Money(contract.earn_minor, currency).wire(),
        earn_price=Money(contract.earn_price_minor, currency).wire(),
        burn_price=Money(contract.burn_price_minor, currency).wire(),
        **{name: getattr(contract, name) for name in same},
    )


def self_out(
    partner: Partner, stores: list[str], contract: PartnerContract | None
) -> PartnerSelfOut:
    currency = partner.programme.currency
    return PartnerSelfOut(
        id=partner.public_id,
        code=partner.code,
        name=partner.name,
        stores=stores,
        prepaid=Money(partner.account.prepaid_minor, currency).wire(),
        contract=contract_out(contract, currency) if contract else None,
    )


def quote_out(offered: Offered, currency: str) -> PartnerQuoteOut:
    return PartnerQuoteOut(
        earn=offered.earn,
        points=offered.points,
        worth=Money(offered.worth_minor, currency).wire(),
        available=offered.available,
    )


def operation_out(operation: PartnerOperation, currency: str) -> PartnerOperationOut:
    return PartnerOperationOut(
        id=operation.public_id,
        kind=operation.kind,
        reference=operation.reference,
        event=operation.event,
        store=operation.store.code if operation.store else None,
        member=operation.member.public_id,
        points=operation.points,
        amount=Money(operation.basis_minor, currency).wire(),
        worth=Money(operation.worth_minor, currency).wire(),
        due=Money(operation.due_minor, currency).wire(),
        contract=operation.contract.number,
        reverses=operation.reverses.public_id if operation.reverses else None,
        occurred_at=operation.occurred_at,
        recorded_at=operation.recorded_at,
    )


def traded_out(traded: Traded, currency: str) -> PartnerTradedOut:
    known = PartnerOperation.objects.shown().get(pk=traded.operation.pk)
    return PartnerTradedOut(
        operation=operation_out(known, currency),
        balance=traded.balance,
        duplicate_of_existing=traded.is_repeat,
    )


def settlement_out(settlement: Settlement, currency: str) -> SettlementOut:
    same = (
        "number", "state", "first_day", "last_day", "operations", "earned_points",
        "burned_points", "difference",
    )  # fmt: skip
    money: dict[str, Any] = {
        name: Money(getattr(settlement, f"{name}_minor"), currency).wire()
        for name in ("earned_due", "burned_due", "prepaid_due", "net")
    }
    return SettlementOut(
        id=settlement.public_id,
        **{name: getattr(settlement, name) for name in same},
        **money,
    )


def code_out(code: PartnerCode) -> PartnerCodeOut:
    return PartnerCodeOut(
        code=code.code,
        offer=code.offer.public_id,
        title=code.offer.title,
        valid_until=code.offer.valid_until,
        taken_at=code.taken_at,
        redeemed_at=code.redeemed_at,
    )


def offer_out(offer: PartnerOffer) -> PartnerOfferOut:
    return PartnerOfferOut(
        id=offer.public_id,
        partner=offer.partner.code,
        partner_name=offer.partner.name,
        title=offer.title,
        text=offer.text,
        per_member=offer.per_member,
        valid_until=offer.valid_until,
    )


def partner_out(partner: Partner) -> PartnerOut:
    same = ("code", "name", "category", "about", "website")
    return PartnerOut(id=partner.public_id, **{name: getattr(partner, name) for name in same})
