"""The forms of quotes and purchases on the wire: a promise to integrators, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from rewards.rules.answers import Quote
from rewards.services.checkout.award_wire import (
    AwardBackOut,
    AwardOut,
    award_views_out,
    awards_out,
    backs_out,
)
from rewards.services.checkout.coupons import in_words as coupon_in_words
from rewards.services.checkout.gift_tenders import GiftBackView, GiftPaymentView
from rewards.services.checkout.label_wire import FundingOut, LabelsOut, funding_out, tagged
from rewards.services.checkout.limiting import HeldLimit
from rewards.services.checkout.pricing import Priced
from rewards.services.checkout.reasons import bound_in_words, in_words
from rewards.services.checkout.views import (
    Committed,
    LineView,
    PurchaseView,
    Refunded,
    ReturnView,
    line_views,
)
from rewards.services.gift_cards.paying import Charge


class Out(msgspec.Struct, kw_only=True):
    """The base of every answer."""


class MoneyOut(Out):
    amount: int
    currency: str


class GrantOut(Out):
    """Points that one version of a promotion gave on the line, and the amount it counted."""

    promotion: str
    version: int
    base: MoneyOut
    points: int
    funding: FundingOut | None


class LineOut(Out):
    """``tax_rate`` is in hundredths of a per cent; ``tax`` is in ``net`` or on top of it."""

    line: int
    sku: str
    name: str
    quantity: str
    unit_price: MoneyOut
    gross: MoneyOut
    discount: MoneyOut
    net: MoneyOut
    points_paid: MoneyOut
    tax_rate: int
    tax: MoneyOut
    points: int
    returned_quantity: str
    returned: MoneyOut
    grants: list[GrantOut]


class DecisionOut(Out):
    """``near``: more goods, or a card, would mend the miss.

    ``raw_units`` / ``per``: points before rounding. What gives something has a ``label``
    for the receipt and a ``message`` for the cashier, and names who pays for it.
    """

    promotion: str
    name: str
    version: int
    effect: str
    outcome: str
    near: bool
    reason: str
    text: str
    params: dict[str, Any]
    lines: list[int]
    points: int
    discount: MoneyOut
    raw_units: int
    per: int
    label: str
    message: str
    labels: LabelsOut
    funding: FundingOut | None


class TotalsOut(Out):
    """net = gross - discount; total = net - points_paid + tax_added is what money has to pay.

    ``tax_added`` is the part of ``tax`` that prices do not include: none or all of it.
    """

    gross: MoneyOut
    discount: MoneyOut
    points_paid: MoneyOut
    tax: MoneyOut
    tax_added: MoneyOut
    total: MoneyOut


class EarnOut(Out):
    """``active_at`` is null for points that can be spent at once, ``expires_at`` for ever ones."""

    earn: int
    active_at: datetime | None
    expires_at: datetime | None


class RedeemOut(Out):
    requested: int
    points: int
    amount: MoneyOut
    max_points: int
    max_amount: MoneyOut
    bound: str
    bound_text: str


class BalanceOut(Out):
    balance: int
    held: int
    available: int


class WhoOut(Out):
    id: UUID
    card_status: str | None
    wallet: UUID | None
    points: BalanceOut


class HoldOut(Out):
    """What was set aside for the sale that names it: points, uses of coupons, room in limits."""

    id: UUID
    points: int
    expires_at: datetime
    coupons: list[str] = []
    limits: list[HeldLimit] = []
    gift_cards: list[UUID] = []


class GiftTenderOut(Out):
    """What a gift card would pay of this basket; ``available`` is what it could."""

    id: UUID
    last4: str
    available: MoneyOut
    amount: MoneyOut


class GiftPaymentOut(Out):
    """What a gift card paid. ``offer_enrolment``: nobody is known to hold it, so ask."""

    id: UUID
    last4: str
    amount: MoneyOut
    returned: MoneyOut
    offer_enrolment: bool


class GiftBackOut(Out):
    """What a return owes a gift card. Not ``to_card``: the card is closed, so it is paid out."""

    id: UUID
    last4: str
    amount: MoneyOut
    to_card: bool


class CouponOut(Out):
    """What became of one code: applied, not_applied (it holds and is kept) or refused."""

    code: str
    status: str
    reason: str
    text: str


class QuoteOut(Out):
    """``due`` is what is left of the total for other tenders than the gift cards shown."""

    quote_id: str
    expires_at: datetime
    rules_version: int
    store: str
    lines: list[LineOut]
    totals: TotalsOut
    points: EarnOut
    redeem: RedeemOut
    awards: list[AwardOut]
    coupons: list[CouponOut]
    decisions: list[DecisionOut]
    member: WhoOut | None
    gift_cards: list[GiftTenderOut]
    due: MoneyOut
    hold: HoldOut | None = None


class TenderOut(Out):
    kind: str
    amount: MoneyOut


class RefundOut(Out):
    """``amount`` is the value of the goods, ``money`` what the customer gets back of what was paid.

    Of it ``to_pay`` leaves the drawer, the rest is on ``gift_cards`` again.
    ``tax`` is the tax of the goods: in ``amount``, or added to ``money``.
    """

    id: UUID
    kind: str
    number: str
    amount: MoneyOut
    money: MoneyOut
    to_pay: MoneyOut
    gift_cards: list[GiftBackOut]
    tax: MoneyOut
    points_taken_back: int
    points_given_back: int
    awards_taken_back: list[AwardBackOut]
    occurred_at: datetime


class PurchasePointsOut(Out):
    earned: int
    redeemed: int
    taken_back: int
    given_back: int
    written_off: int
    active_at: datetime | None
    expires_at: datetime | None


class PurchaseOut(Out):
    id: UUID
    source_ref: str
    store: str
    terminal: str | None
    state: str
    member: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    business_date: date
    arrived_late: bool
    rules_version: int
    lines: list[LineOut]
    totals: TotalsOut
    tenders: list[TenderOut]
    gift_cards: list[GiftPaymentOut]
    points: PurchasePointsOut
    coupons: list[CouponOut]
    awards: list[AwardOut]
    decisions: list[DecisionOut]
    refunds: list[RefundOut]
    wallet: BalanceOut | None = None
    duplicate_of_existing: bool = False


class RefundedOut(Out):
    """The return, and the purchase after it."""

    refund: RefundOut
    purchase: PurchaseOut
    duplicate_of_existing: bool = False


#: A receipt that took longer to arrive is marked, so that reports can tell.
LATE_AFTER_SECONDS = 24 * 3600


def quote_out(
    priced: Priced,
    *,
    quote_id: str,
    expires_at: datetime,
    hold: HoldOut | None = None,
    coupons: Sequence[Mapping[str, Any]] = (),
    gift_cards: Sequence[Charge] = (),
) -> QuoteOut:
    quote, money = priced.quote, _Money(priced.ask.currency)
    return QuoteOut(
        quote_id=quote_id,
        expires_at=expires_at,
        rules_version=quote.rules_version,
        store=priced.ask.store,
        lines=[_line(line, money) for line in line_views(quote, priced.compiled.rules)],
        totals=_totals(quote, money),
        points=EarnOut(
            earn=quote.earned,
            active_at=priced.life.active_at if priced.life.is_pending else None,
            expires_at=never_as_none(priced.life.expires_at),
        ),
        redeem=_redeem(quote, money),
        awards=awards_out(quote.awards),
        coupons=coupons_out(coupons),
        decisions=_decisions(msgspec.to_builtins(quote.decisions), money),
        member=_who(priced),
        gift_cards=[_gift_tender(one, money) for one in gift_cards],
        due=money(quote.total_minor - sum(one.amount for one in gift_cards)),
        hold=hold,
    )


def purchase_out(
    view: PurchaseView,
    *,
    wallet: BalanceOut | None = None,
    duplicate_of_existing: bool = False,
) -> PurchaseOut:
    money = _Money(view.currency)
    waited = (view.recorded_at - view.occurred_at).total_seconds()
    return PurchaseOut(
        id=view.id,
        source_ref=view.number,
        store=view.store,
        terminal=view.terminal or None,
        state=view.state,
        member=view.member_id,
        occurred_at=view.occurred_at,
        recorded_at=view.recorded_at,
        business_date=view.business_date,
        arrived_late=waited > LATE_AFTER_SECONDS,
        rules_version=view.rules_version,
        lines=[_line(line, money) for line in view.lines],
        totals=_totals(view, money),
        tenders=[TenderOut(kind=kind, amount=money(amount)) for kind, amount in view.tenders],
        gift_cards=[_gift_payment(one, money) for one in view.gift_cards],
        points=PurchasePointsOut(
            earned=view.earned,
            redeemed=view.redeemed,
            taken_back=view.taken_back,
            given_back=view.given_back,
            written_off=view.written_off,
            active_at=view.active_at,
            expires_at=never_as_none(view.expires_at),
        ),
        coupons=coupons_out(view.coupons),
        awards=award_views_out(view.awards),
        decisions=_decisions(view.decisions, money),
        refunds=[refund_out(one, view.currency) for one in view.returns],
        wallet=wallet,
        duplicate_of_existing=duplicate_of_existing,
    )


def committed_out(done: Committed) -> PurchaseOut:
    wallet = None if done.balance is None else balance_out(done.balance, done.held)
    return purchase_out(done.view, wallet=wallet, duplicate_of_existing=done.is_duplicate)


def refunded_out(done: Refunded) -> RefundedOut:
    return RefundedOut(
        refund=refund_out(done.refund, done.purchase.currency),
        purchase=purchase_out(done.purchase),
        duplicate_of_existing=done.is_duplicate,
    )


def refund_out(view: ReturnView, currency: str) -> RefundOut:
    money = _Money(currency)
    return RefundOut(
        id=view.id,
        kind=view.kind,
        number=view.number,
        amount=money(view.net_minor),
        money=money(view.money_minor),
        to_pay=money(view.to_pay_minor),
        gift_cards=[_gift_back(one, money) for one in view.gift_cards],
        tax=money(view.tax_minor),
        points_taken_back=view.points_taken_back,
        points_given_back=view.points_given_back,
        awards_taken_back=backs_out(view.awards_back),
        occurred_at=view.occurred_at,
    )


def _gift_tender(charge: Charge, money: _Money) -> GiftTenderOut:
    card = charge.card
    return GiftTenderOut(
        id=card.public_id,
        last4=card.last4,
        available=money(card.wallet.available),
        amount=money(charge.amount),
    )


def _gift_payment(view: GiftPaymentView, money: _Money) -> GiftPaymentOut:
    return GiftPaymentOut(
        id=view.id,
        last4=view.last4,
        amount=money(view.amount),
        returned=money(view.returned),
        offer_enrolment=view.offer_enrolment,
    )


def _gift_back(view: GiftBackView, money: _Money) -> GiftBackOut:
    return GiftBackOut(
        id=view.id, last4=view.last4, amount=money(view.amount), to_card=view.to_card
    )


def coupons_out(coupons: Sequence[Mapping[str, Any]]) -> list[CouponOut]:
    return [CouponOut(**one, text=coupon_in_words(one["status"], one["reason"])) for one in coupons]


def balance_out(balance: int, held: int) -> BalanceOut:
    return BalanceOut(balance=balance, held=held, available=max(balance - held, 0))


def never_as_none(moment: datetime | None) -> datetime | None:
    """The far end of time is a detail of the tables."""
    return None if moment is None or moment.year == 9999 else moment


def quantity_text(milli: int) -> str:
    """1500 → "1.5": a decimal string with as few places as it needs."""
    whole, thousandths = divmod(milli, 1000)
    return f"{whole}.{thousandths:03d}".rstrip("0").rstrip(".") if thousandths else str(whole)


class _Money:
    """Amounts of one currency."""

    def __init__(self, currency: str) -> None:
        self.currency = currency

    def __call__(self, minor: int) -> MoneyOut:
        return MoneyOut(amount=minor, currency=self.currency)


def _line(line: LineView, money: _Money) -> LineOut:
    return LineOut(
        line=line.line_no,
        sku=line.sku,
        name=line.name,
        quantity=quantity_text(line.quantity_milli),
        unit_price=money(line.unit_price_minor),
        gross=money(line.gross_minor),
        discount=money(line.discount_minor),
        net=money(line.net_minor),
        points_paid=money(line.points_paid_minor),
        tax_rate=line.tax_basis_points,
        tax=money(line.tax_minor),
        points=line.points,
        returned_quantity=quantity_text(line.returned_quantity_milli),
        returned=money(line.returned_minor),
        grants=[
            GrantOut(
                promotion=grant.promotion,
                version=grant.version,
                base=money(grant.base_minor),
                points=grant.points,
                funding=funding_out(grant.funding),
            )
            for grant in line.grants
        ],
    )


_SAID = (
    "promotion", "name", "version", "outcome", "reason", "params", "lines", "points",
    "raw_units", "per",
)  # fmt: skip


def _decisions(decisions: Sequence[dict[str, Any]], money: _Money) -> list[DecisionOut]:
    return [
        DecisionOut(
            **{name: decision[name] for name in _SAID},
            # Decisions of older sales do not have these two.
            effect=decision.get("effect", ""),
            near=decision.get("near", False),
            text=in_words(decision, money.currency),
            **msgspec.structs.asdict(tagged(decision)),
            discount=money(decision["discount_minor"]),
        )
        for decision in decisions
    ]


def decisions_out(view: PurchaseView) -> list[DecisionOut]:
    return _decisions(view.decisions, _Money(view.currency))


def _totals(priced: Quote | PurchaseView, money: _Money) -> TotalsOut:
    return TotalsOut(
        gross=money(priced.gross_minor),
        discount=money(priced.discount_minor),
        points_paid=money(priced.points_paid_minor),
        tax=money(priced.tax_minor),
        tax_added=money(priced.tax_added_minor),
        total=money(priced.total_minor),
    )


def _redeem(quote: Quote, money: _Money) -> RedeemOut:
    payment = quote.payment
    return RedeemOut(
        requested=payment.requested,
        points=payment.points,
        amount=money(payment.money_minor),
        max_points=payment.max_points,
        max_amount=money(payment.max_money_minor),
        bound=payment.bound,
        bound_text=bound_in_words(payment.bound),
    )


def _who(priced: Priced) -> WhoOut | None:
    facts = priced.facts
    if facts.member is None:
        return None
    wallet = facts.wallet
    return WhoOut(
        id=facts.member.public_id,
        card_status=facts.card.status if facts.card else None,
        wallet=wallet.public_id if wallet else None,
        points=balance_out(wallet.posted, wallet.held) if wallet else balance_out(0, 0),
    )
