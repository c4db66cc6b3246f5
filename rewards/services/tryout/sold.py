"""Receipts of the past as the replay reads them, and the catalogue behind their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules.basket import BasketLine

MOST_KEPT = 200_000


class Product(NamedTuple):
    id: int
    categories: tuple[str, ...]
    brand: str
    cost_minor: int | None
    no_earning: bool = False
    no_redemption: bool = False
    lists: tuple[str, ...] = ()
    attributes: Mapping[str, str] = {}
    prices: Mapping[str, int] = {}


UNKNOWN = Product(0, (), "", None)


class Sold(msgspec.Struct, frozen=True, gc=False):
    """The head of one receipt. ``back_minor`` came back of it, ``given`` are old discounts."""

    id: int
    store_id: int
    member_id: int | None
    at: datetime
    gross_minor: int
    discount_minor: int
    points_paid_minor: int
    state: str
    redeemed: int
    earned: int
    back_minor: int
    given: str | None
    tenders: list[str] | None

    @property
    def spent_minor(self) -> int:
        """What the goods that were kept cost: what windows of spend count."""
        return self.gross_minor - self.discount_minor - self.back_minor


class SoldLine(msgspec.Struct, frozen=True, gc=False):
    """One line of it; what was paid and what came back matters where prices stand as printed."""

    receipt_id: int
    line_no: int
    sku: str
    quantity_milli: int
    unit_price_minor: int
    gross_minor: int
    discount_minor: int
    cost_minor: int | None
    net_minor: int = 0
    points_paid_minor: int = 0
    back_milli: int = 0
    back_minor: int = 0


class GivenThen(msgspec.Struct):
    """Of an old decision, what took money off which lines."""

    lines: list[int] = []
    discount_minor: int = 0


_given = msgspec.json.Decoder(list[GivenThen])


def manual_discounts(lines: Sequence[SoldLine], given: str | None) -> dict[int, int]:
    """Line → the part of its discount that no promotion gave: the till's own.

    A receipt keeps the discount of a line as one number. What promotions gave is
    known by promotion and its lines; where that leaves a choice, the till's part
    is spread over those lines in proportion to their discounts.
    """
    off = {line.line_no: line.discount_minor for line in lines if line.discount_minor}
    decided = [one for one in _given.decode(given) if one.discount_minor] if given else []
    touched = sorted({line_no for one in decided for line_no in one.lines} & off.keys())
    if not touched:
        return off
    own = sum(off[line_no] for line_no in touched) - sum(one.discount_minor for one in decided)
    shares = split_largest_remainder(max(own, 0), [off[line_no] for line_no in touched])
    return off | dict(zip(touched, shares, strict=True))


def as_sold(line: SoldLine, product: Product, manual: int) -> BasketLine:
    """A line at its shelf price, before any promotion."""
    return BasketLine(
        line_no=line.line_no,
        sku=line.sku,
        quantity_milli=line.quantity_milli,
        unit_price_minor=line.unit_price_minor,
        gross_minor=line.gross_minor,
        manual_discount_minor=manual,
        product_id=product.id or None,
        categories=product.categories,
        brand=product.brand,
        lists=product.lists,
        attributes=product.attributes,
        prices=product.prices,
        cost_minor=product.cost_minor if line.cost_minor is None else line.cost_minor,
        excluded_from_earning=product.no_earning,
        excluded_from_redemption=product.no_redemption,
    )


def as_kept(line: SoldLine, product: Product) -> BasketLine | None:
    """What the customer kept of a line, at the price that was paid; None when nothing is left."""
    left = line.net_minor - line.back_minor
    quantity = line.quantity_milli - line.back_milli
    if quantity <= 0 or (left <= 0 < line.net_minor):
        return None
    paid = line.points_paid_minor * left // line.net_minor if line.net_minor else 0
    kept = msgspec.structs.replace(line, quantity_milli=quantity, gross_minor=left - paid)
    return as_sold(kept, product, 0)
