"""The shapes of checkout requests and their way to plain values; nothing is looked up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, structs

from loyalty_crm.kernel.api.shapes import Body, Code, MoneyBody, Natural, Quantity, ShortText
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault
from rewards.errors import CurrencyMismatch, LineMismatch, TooManyLines
from rewards.rules.codes import clean_code
from rewards.rules.rounding import half_up
from rewards.services.checkout.asks import (
    Ask,
    AskedGiftCard,
    AskedLine,
    AskedReturn,
    AskedTender,
    MemberKey,
    RefundAsk,
    Sale,
)
from rewards.services.gift_cards.recognising import MOST_CARDS, ShownGiftCard

MOST_LINES = 1_000
#: The kind of tender that a card of ours pays.
GIFT_CARD = "gift_card"
MOST_MONEY = 10**12
#: Not more than may be guessed in a minute: a basket is no way around the throttle.
MOST_COUPONS = 5
#: Tills round price times quantity their own way, by less than this many minor units.
ROUNDING_DIFFERS_BY = 1

Moment = Annotated[datetime, Meta(tz=True)]
Number = Annotated[str, Meta(min_length=1, max_length=64)]
LineNo = Annotated[int, Meta(ge=1, le=1_000_000)]
CouponCode = Annotated[str, Meta(min_length=1, max_length=80)]
Name = Annotated[str, Meta(max_length=300)]
Sku = Annotated[str, Meta(min_length=1, max_length=80)]
GiftNumber = Annotated[str, Meta(min_length=8, max_length=64)]
GiftPin = Annotated[str, Meta(max_length=12)]
TenderKind = Annotated[str, Meta(min_length=1, max_length=20)]


class MemberBody(Body, kw_only=True):
    """By what the member is known: exactly one of the three. It never stands in an address."""

    id: UUID | None = None
    card: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    phone: Annotated[str, Meta(min_length=1, max_length=32)] | None = None


class LineBody(Body, kw_only=True):
    """``price`` is of one unit; ``gross`` what the till printed, else price times quantity.

    ``discount`` was given by the till itself, for the whole line.
    """

    sku: Sku
    quantity: Quantity
    price: MoneyBody
    line: LineNo | None = None
    name: Name = ""
    gross: MoneyBody | None = None
    discount: MoneyBody | None = None


class RedeemBody(Body, kw_only=True):
    points: Natural


class BasketBody(Body, kw_only=True):
    """``pay_by``: kinds of tenders to come. ``gifts``: SKUs chosen where there is a choice."""

    store: Code
    lines: Annotated[list[LineBody], Meta(min_length=1)]
    terminal: Code | None = None
    channel: Annotated[str, Meta(min_length=1, max_length=20)] = "store"
    member: MemberBody | None = None
    redeem: RedeemBody | None = None
    coupons: Annotated[list[CouponCode], Meta(max_length=MOST_COUPONS)] = []
    pay_by: Annotated[list[TenderKind], Meta(max_length=20)] = []
    gifts: Annotated[list[Sku], Meta(max_length=50)] = []


class QuoteCardBody(Body, kw_only=True):
    """A gift card to pay with; without an amount it pays what it can of the rest."""

    number: GiftNumber
    pin: GiftPin = ""
    amount: MoneyBody | None = None


class QuoteBody(BasketBody, kw_only=True):
    """``reserve`` holds points and gift cards for 15 minutes; it needs an Idempotency-Key."""

    occurred_at: Moment | None = None
    reserve: bool = False
    gift_cards: Annotated[list[QuoteCardBody], Meta(max_length=MOST_CARDS)] = []


class TenderCardBody(Body, kw_only=True):
    """A gift card as its bearer shows it; the PIN where it has one."""

    number: GiftNumber
    pin: GiftPin = ""


class TenderBody(Body, kw_only=True):
    """``gift_card`` goes with the kind "gift_card": the sale takes the money off the card."""

    kind: TenderKind
    amount: MoneyBody
    gift_card: TenderCardBody | None = None


class PurchaseBody(BasketBody, kw_only=True):
    """``number`` is the receipt's: a store never prints one twice."""

    number: Number
    occurred_at: Moment
    cashier: Annotated[str, Meta(max_length=80)] = ""
    tenders: list[TenderBody] = []
    quote_id: Annotated[str, Meta(min_length=1, max_length=400)] | None = None
    hold_id: UUID | None = None


class ReturnedLineBody(Body, kw_only=True):
    """Pieces or an amount of one line; neither means all that is left of it."""

    line: LineNo
    quantity: Quantity | None = None
    amount: MoneyBody | None = None


class RefundBody(Body, kw_only=True):
    """``lines``, or an ``amount`` of the whole receipt, or neither: all that is left."""

    number: Number
    store: Code | None = None
    occurred_at: Moment | None = None
    lines: list[ReturnedLineBody] = []
    amount: MoneyBody | None = None
    reason: ShortText = ""
    cashier: Annotated[str, Meta(max_length=80)] = ""


class VoidBody(Body, kw_only=True):
    number: Number | None = None
    reason: ShortText = ""
    cashier: Annotated[str, Meta(max_length=80)] = ""


def ask_of(body: BasketBody, occurred_at: datetime, currency: str, *, offline: bool = False) -> Ask:
    """A basket in plain values, in the currency of the programme and no other."""
    if len(body.lines) > MOST_LINES:
        raise TooManyLines(pointer="/lines", max=MOST_LINES)
    lines = tuple(_line(line, position, currency) for position, line in enumerate(body.lines))
    if len({line.line_no for line in lines}) != len(lines):
        raise _invalid("/lines", "repeated_line")
    return Ask(
        store=body.store,
        terminal=body.terminal or "",
        channel=body.channel,
        currency=currency,
        member=_member(body.member),
        lines=lines,
        redeem_points=body.redeem.points if body.redeem else 0,
        occurred_at=occurred_at,
        offline=offline,
        coupons=_coupons(body.coupons),
        pay_by=kinds_of(body.pay_by),
        gifts=tuple(body.gifts),
    )


def kinds_of(kinds: Iterable[str]) -> tuple[str, ...]:
    """Each kind of tender once, in one order."""
    return tuple(sorted(set(kinds)))


def sale_of(body: PurchaseBody, currency: str, *, is_late: bool = False) -> Sale:
    """A late sale without a quote was priced by the till alone: its receipt is printed.

    Paid is paid: the tenders say by what, whatever was planned.
    """
    ask = ask_of(body, body.occurred_at, currency, offline=is_late and not body.quote_id)
    if body.tenders:
        ask = structs.replace(ask, pay_by=kinds_of(tender.kind for tender in body.tenders))
    return Sale(
        ask=ask,
        is_late=is_late,
        number=body.number,
        cashier=body.cashier,
        tenders=tuple(
            _tender(tender, f"/tenders/{position}", currency)
            for position, tender in enumerate(body.tenders)
        ),
        quote_id=body.quote_id or "",
        hold_id=body.hold_id,
    )


def gift_cards_of(body: QuoteBody, currency: str) -> tuple[AskedGiftCard, ...]:
    """The cards that a quote shall count with, in the order in which they pay."""
    return tuple(
        AskedGiftCard(
            shown=ShownGiftCard(number=card.number, pin=card.pin),
            amount_minor=_at_least_one(card.amount, currency, f"/gift_cards/{position}/amount"),
        )
        for position, card in enumerate(body.gift_cards)
    )


def _tender(body: TenderBody, at: str, currency: str) -> AskedTender:
    amount = _positive(body.amount, currency, f"{at}/amount")
    if body.gift_card is None:
        return AskedTender(kind=body.kind, amount_minor=amount)
    if body.kind != GIFT_CARD:
        raise _invalid(f"{at}/kind", "gift_card_only")
    if not amount:
        raise _invalid(f"{at}/amount/amount", "min_value", min=1)
    shown = ShownGiftCard(number=body.gift_card.number, pin=body.gift_card.pin)
    return AskedTender(kind=body.kind, amount_minor=amount, gift_card=shown)


def refund_of(body: RefundBody, now: datetime, currency: str) -> RefundAsk:
    if body.lines and body.amount:
        raise _invalid("/amount", "lines_or_amount")
    if len({line.line for line in body.lines}) != len(body.lines):
        raise _invalid("/lines", "repeated_line")
    return RefundAsk(
        store=body.store or "",
        number=body.number,
        occurred_at=body.occurred_at or now,
        lines=tuple(
            _returned(line, f"/lines/{position}", currency)
            for position, line in enumerate(body.lines)
        ),
        amount_minor=_at_least_one(body.amount, currency, "/amount"),
        reason=body.reason,
        cashier=body.cashier,
    )


def void_of(body: VoidBody, now: datetime) -> RefundAsk:
    return RefundAsk(
        store="",
        number=body.number or "",
        occurred_at=now,
        kind="void",
        reason=body.reason,
        cashier=body.cashier,
    )


def _member(body: MemberBody | None) -> MemberKey | None:
    if body is None:
        return None
    given = [value for value in (body.id, body.card, body.phone) if value is not None]
    if len(given) != 1:
        raise _invalid("/member", "exactly_one")
    return MemberKey(id=body.id, card=body.card or "", phone=body.phone or "")


def _line(body: LineBody, position: int, currency: str) -> AskedLine:
    at = f"/lines/{position}"
    quantity = _quantity(body.quantity, f"{at}/quantity")
    price = _positive(body.price, currency, f"{at}/price")
    gross = half_up(price * quantity, 1000)
    if body.gross is not None:
        printed = _positive(body.gross, currency, f"{at}/gross")
        if abs(printed - gross) > ROUNDING_DIFFERS_BY:
            raise LineMismatch(pointer=f"{at}/gross", expected=gross)
        gross = printed
    if gross > MOST_MONEY:
        raise _invalid(f"{at}/price/amount", "max_value", max=MOST_MONEY)
    discount = _positive(body.discount, currency, f"{at}/discount") if body.discount else 0
    if discount > gross:
        raise LineMismatch(pointer=f"{at}/discount", max=gross)
    return AskedLine(
        line_no=body.line or position + 1,
        sku=body.sku,
        name=body.name,
        quantity_milli=quantity,
        unit_price_minor=price,
        gross_minor=gross,
        discount_minor=discount,
    )


def _coupons(codes: list[str]) -> tuple[str, ...]:
    """As codes are stored, in the order in which they were shown."""
    clean = tuple(map(clean_code, codes))
    if "" in clean:
        raise _invalid(f"/coupons/{clean.index('')}", "invalid")
    if len(set(clean)) != len(clean):
        raise _invalid("/coupons", "repeated_coupon")
    return clean


def _returned(body: ReturnedLineBody, at: str, currency: str) -> AskedReturn:
    if body.quantity is not None and body.amount is not None:
        raise _invalid(f"{at}/amount", "quantity_or_amount")
    return AskedReturn(
        line_no=body.line,
        quantity_milli=None if body.quantity is None else _quantity(body.quantity, at),
        amount_minor=_at_least_one(body.amount, currency, f"{at}/amount"),
    )


def _quantity(text: str, pointer: str) -> int:
    """Thousandths of a decimal string; nothing is nothing to sell."""
    whole, _, fraction = text.partition(".")
    milli = int(whole) * 1000 + int(fraction.ljust(3, "0") or 0)
    if not milli:
        raise _invalid(pointer, "min_value", above=0)
    return milli


def _positive(money: MoneyBody, currency: str, pointer: str) -> int:
    if money.currency != currency:
        raise CurrencyMismatch(pointer=f"{pointer}/currency", expected=currency)
    if money.amount < 0:
        raise _invalid(f"{pointer}/amount", "min_value", min=0)
    return money.amount


def _at_least_one(money: MoneyBody | None, currency: str, pointer: str) -> int | None:
    if money is None:
        return None
    amount = _positive(money, currency, pointer)
    if not amount:
        raise _invalid(f"{pointer}/amount", "min_value", min=1)
    return amount


def _invalid(pointer: str, code: str, **params: Any) -> ValidationFailed:
    return ValidationFailed(errors=[fault(pointer, code, **params)])
