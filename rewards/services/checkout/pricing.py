"""From what was asked to numbers: the pure quote on the facts, and the seal that proves it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.core import signing

from loyalty_crm.kernel.actors import Actor
from members.rules.cards import clean_number
from rewards.errors import (
    CurrencyMismatch,
    LimitExceeded,
    OccurredInFuture,
    OccurredTooLongAgo,
    QuoteInvalid,
)
from rewards.rules.answers import Quote
from rewards.rules.coupons import CouponOutcome
from rewards.rules.expiry import Life, life_of
from rewards.rules.pricing import Redeem
from rewards.rules.quote import quote
from rewards.services.checkout.asks import Ask, MemberKey
from rewards.services.checkout.coupons import outcomes
from rewards.services.checkout.facts import Facts, bar_to_pay, basket_of
from rewards.services.checkout.limiting import rooms
from rewards.services.coupons.guessing import note
from rewards.services.ledger.refusals import refuse_shortage
from rewards.services.rule_sets import Compiled

QUOTE_LIVES = timedelta(minutes=15)
CLOCKS_DIFFER_BY = timedelta(days=1)
_encode = msgspec.json.Encoder(order="sorted").encode


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A basket with everything known and decided about it, and nothing written."""

    ask: Ask
    facts: Facts
    compiled: Compiled
    quote: Quote
    life: Life
    #: Points this sale may spend: what is free, and what was set aside for it.
    available: int
    #: Whether limits are disregarded, because the receipt was printed before they were reached.
    beyond: bool = False
    #: What became of each code that was shown.
    coupons: tuple[CouponOutcome, ...] = ()


def price(
    ask: Ask,
    facts: Facts,
    compiled: Compiled,
    *,
    carries: Mapping[int, int] | None = None,
    set_aside: int = 0,
) -> Priced:
    """Run the rules. ``set_aside`` points are held for this very sale."""
    available = (facts.wallet.available if facts.wallet else 0) + set_aside
    redeem = Redeem(points=ask.redeem_points, available=available, barred=bar_to_pay(facts))
    left = rooms(ask, facts, compiled)
    result = quote(basket_of(ask, facts, compiled), compiled.rules, redeem, carries, left)
    shown, has_member = facts.coupons or (), facts.member is not None
    coupons = outcomes(ask, shown, has_member, result, compiled.rules)
    note(coupons)
    return Priced(
        ask=ask,
        facts=facts,
        compiled=compiled,
        quote=result,
        coupons=coupons,
        life=life_of(compiled.lifetime, ask.occurred_at),
        available=available,
    )


def refuse_impossible(ask: Ask, compiled: Compiled, now: datetime) -> None:
    """Money of another currency, and clocks that cannot be right."""
    if ask.currency != compiled.programme.currency:
        raise CurrencyMismatch(pointer="/lines", expected=compiled.programme.currency)
    refuse_time(ask.occurred_at, now)


def refuse_time(occurred_at: datetime, now: datetime) -> None:
    if occurred_at > now + CLOCKS_DIFFER_BY:
        raise OccurredInFuture(pointer="/occurred_at")
    if occurred_at < now - timedelta(days=settings.SALE_ACCEPTED_DAYS):
        raise OccurredTooLongAgo(pointer="/occurred_at", days=settings.SALE_ACCEPTED_DAYS)


def refuse_other_payment(priced: Priced) -> None:
    """Points pay what was asked for, or the sale is refused: never another number in silence."""
    payment = priced.quote.payment
    terms = priced.compiled.rules.terms
    if payment.money_minor == terms.money_for(payment.requested):
        return
    if payment.bound == "balance":
        refuse_shortage(priced.available, payment.requested)
    raise LimitExceeded(pointer="/redeem/points", max=payment.max_points, bound=payment.bound)


def seal(priced: Priced, actor: Actor) -> str:
    """An id that proves what was quoted, to whom, for how long; nothing is stored."""
    return _signer().sign_object([actor.id, _basket(priced.ask), _result(priced)])


def matches_seal(
    quote_id: str, priced: Priced, actor: Actor, lives: timedelta | None = QUOTE_LIVES
) -> bool:
    """Whether the basket and the numbers are those of the quote.

    A quote that named no tenders is good for any: the numbers tell whether they matter.
    """
    try:
        sealed: Any = _signer().unsign_object(quote_id, max_age=lives)
    except signing.BadSignature as broken:
        raise QuoteInvalid(pointer="/quote_id") from broken
    if sealed[0] != actor.id:
        raise QuoteInvalid(pointer="/quote_id")
    however_paid = msgspec.structs.replace(priced.ask, pay_by=())
    baskets = {_basket(priced.ask), _basket(however_paid)}
    return bool(sealed[1] in baskets and sealed[2:] == [_result(priced)])


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="rewards.quote")


def _basket(ask: Ask) -> str:
    """What was asked for, whenever that was and in whatever order the lines stood."""
    member = ask.member or MemberKey()
    member = msgspec.structs.replace(member, card=clean_number(member.card))
    lines = sorted(ask.lines, key=lambda line: line.line_no)
    return _digest(
        [
            ask.store, ask.channel, ask.currency, member, ask.redeem_points, lines,
            ask.pay_by, sorted(ask.gifts), sorted(ask.coupons),
        ]
    )  # fmt: skip


def _result(priced: Priced) -> str:
    """The numbers, and what became of each coupon."""
    told = sorted((one.code, one.status) for one in priced.coupons)
    return _digest([result_digest(priced.quote), told])


def result_digest(result: Quote) -> str:
    """Every number that the customer was told."""
    lines = [
        (
            line.line.line_no,
            line.discount_minor,
            line.points_paid_minor,
            line.points,
            line.tax_minor,
        )
        for line in result.lines
    ]
    awards = [(given.promotion, given.effect, given.award) for given in result.awards]
    return _digest([lines, result.payment.points, result.earned, result.total_minor, awards])


def _digest(value: object) -> str:
    return hashlib.sha256(_encode(value)).hexdigest()[:32]


def content_digest(value: object) -> bytes:
    """Tells a repeat of a document from another one under the same number."""
    return hashlib.sha256(_encode(value)).digest()
