"""What checkout says about the basket of a till."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from members.till.access import Desk
from rewards.services.checkout.asks import Ask, AskedLine, MemberKey
from rewards.services.checkout.wire import QuoteOut
from rewards.services.rule_sets import Compiled
from rewards.till.basket import TillBasket, TillLine


def payable_points(quote: QuoteOut, rules: Compiled) -> int:
    """Points worth no more than they pay: a sale refuses to take another number in silence."""
    points, amount = quote.redeem.points, quote.redeem.amount.amount
    return points - (rules.rules.terms.money_for(points) > amount)


def ask_of(basket: TillBasket, desk: Desk, currency: str, at: datetime) -> Ask:
    """The basket in the words of checkout, its lines numbered as they will stand on the receipt."""
    return Ask(
        store=desk.store.code,
        terminal=desk.terminal.code,
        currency=currency,
        lines=tuple(_asked(number, line) for number, line in enumerate(basket.lines, start=1)),
        member=_member(basket),
        redeem_points=basket.points,
        coupons=tuple(basket.coupons),
        pay_by=tuple(sorted(basket.pay_by)),
        gifts=tuple(basket.gifts),
        occurred_at=at,
    )


def _member(basket: TillBasket) -> MemberKey | None:
    """The card that was shown rather than its owner: a blocked card stops the sale."""
    if basket.card:
        return MemberKey(card=basket.card)
    return MemberKey(id=UUID(basket.member)) if basket.member else None


def _asked(number: int, line: TillLine) -> AskedLine:
    return AskedLine(
        line_no=number,
        sku=line.sku,
        name=line.name,
        quantity_milli=line.quantity_milli,
        unit_price_minor=line.price_minor,
        gross_minor=line.gross_minor,
    )
