"""A priced basket as the screen says it: money and points as text, reasons as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from rewards.models import Programme
from rewards.services.checkout.label_wire import in_language
from rewards.services.checkout.wire import CouponOut, LineOut, QuoteOut
from rewards.till.basket import TillBasket
from rewards.till.gift_choice import ShownGift


@dataclass(frozen=True, slots=True)
class ShownLine:
    id: int
    sku: str
    name: str
    quantity: str
    price: Money
    gross: Money
    discount: Money
    net: Money
    touched: bool


@dataclass(frozen=True, slots=True)
class ShownMember:
    name: str
    card: str
    available: Points


@dataclass(frozen=True, slots=True)
class ShownSale:
    """All of the sale panel. Amounts that are zero are false, and not shown."""

    lines: list[ShownLine]
    member: ShownMember | None
    gross: Money
    discount: Money
    points_money: Money
    tax_added: Money
    total: Money
    earned: Points
    redeemed: Points
    wanted: str
    most: Points
    may_spend: bool
    bound: str
    coupons: list[CouponOut]
    gifts: list[ShownGift]
    to_say: list[str]
    applied: list[str]
    missed: list[str]


@dataclass(frozen=True, slots=True)
class Shower:
    """Turns whole numbers into what one programme calls them."""

    currency: str
    scale: int

    @classmethod
    def of(cls, programme: Programme) -> Shower:
        return cls(programme.currency, programme.points_scale)

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def points(self, minor: int) -> Points:
        return Points(minor, self.scale)

    def sale(
        self, basket: TillBasket, quote: QuoteOut, gifts: Sequence[ShownGift] = ()
    ) -> ShownSale:
        totals, paid = quote.totals, quote.redeem
        return ShownSale(
            lines=[self._line(basket, line) for line in quote.lines],
            member=self._member(basket, quote),
            gross=self.money(totals.gross.amount),
            discount=self.money(totals.discount.amount),
            points_money=self.money(totals.points_paid.amount),
            tax_added=self.money(totals.tax_added.amount),
            total=self.money(totals.total.amount),
            earned=self.points(quote.points.earn),
            redeemed=self.points(paid.points),
            wanted=plain_points(paid.points, self.scale) if paid.points else "",
            most=self.points(paid.max_points),
            may_spend=paid.max_points > 0,
            bound=paid.bound_text,
            coupons=quote.coupons,
            gifts=list(gifts),
            to_say=_to_say(quote),
            applied=[one.text for one in quote.decisions if one.outcome in ("applied", "capped")],
            missed=[
                one.text for one in quote.decisions if one.outcome in ("beaten", "not_matched")
            ],
        )

    def _line(self, basket: TillBasket, line: LineOut) -> ShownLine:
        own = basket.lines[line.line - 1]
        return ShownLine(
            id=own.id,
            sku=line.sku,
            name=line.name or line.sku,
            quantity=line.quantity,
            price=self.money(line.unit_price.amount),
            gross=self.money(line.gross.amount),
            discount=self.money(line.discount.amount),
            net=self.money(line.net.amount),
            touched=own.id == basket.touched,
        )

    def _member(self, basket: TillBasket, quote: QuoteOut) -> ShownMember | None:
        if quote.member is None:
            return None
        card = f"•••• {basket.card[-4:]}" if basket.card else ""
        name = basket.member_name or gettext("no name")
        return ShownMember(name, card, self.points(quote.member.points.available))


def _to_say(quote: QuoteOut) -> list[str]:
    """What promotions ask the cashier to say, each sentence once."""
    own = [one.message for one in quote.decisions if one.message]
    sent = [in_language(one.text) for one in quote.awards if one.to == "cashier"]
    return list(dict.fromkeys([*own, *sent]))


def plain_points(minor: int, scale: int) -> str:
    """As it may be typed again: no grouping, since "12,500" could also mean twelve and a half."""
    return f"{Decimal(minor).scaleb(-scale).normalize():f}"
