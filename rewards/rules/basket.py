"""What is being bought, as plain whole numbers: the one input of every rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import msgspec


class BasketLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line as the till counted it. ``categories`` are codes from the root to the leaf.

    ``cost_minor`` and ``prices`` (price list → price) are of one unit of quantity.
    """

    line_no: int
    sku: str
    quantity_milli: int
    unit_price_minor: int
    gross_minor: int
    manual_discount_minor: int = 0
    product_id: int | None = None
    name: str = ""
    categories: tuple[str, ...] = ()
    brand: str = ""
    lists: tuple[str, ...] = ()
    attributes: Mapping[str, str] = {}
    prices: Mapping[str, int] = {}
    cost_minor: int | None = None
    excluded_from_earning: bool = False
    excluded_from_redemption: bool = False
    tax_basis_points: int = 0

    @property
    def is_weighed(self) -> bool:
        return bool(self.quantity_milli % 1000)

    @property
    def sort_key(self) -> tuple[object, ...]:
        """An order that follows from what the line is, not from where it stands."""
        return (
            self.sku,
            self.gross_minor,
            self.manual_discount_minor,
            self.quantity_milli,
            self.categories,
            self.brand,
            -1 if self.cost_minor is None else self.cost_minor,
            self.excluded_from_earning,
            self.excluded_from_redemption,
            sorted(self.prices.items()),
            self.line_no,
        )


class Window(msgspec.Struct, frozen=True, gc=False):
    """What a member bought in one stretch of time before this sale."""

    spend_minor: int = 0
    visits: int = 0


class MemberFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What rules may know about the buyer. Facts that no rule needs are left out.

    A fact that is not known (None, or a window that is missing) matches nothing.

    ``windows`` answers the keys of ``Needs.windows``; ``known_categories`` are those
    of ``Needs.categories`` that the member has bought from before.
    """

    id: str = ""
    tags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    tier: str | None = None
    birth_date: date | None = None
    enrolled_on: date | None = None
    purchases: int | None = None
    last_purchase_on: date | None = None
    windows: Mapping[str, Window] = {}
    known_categories: frozenset[str] | None = None


class Basket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A sale before anybody decided anything about it.

    ``at`` is the moment of the sale in the store's own time zone. ``member`` is
    None when nobody showed a card. ``final_prices`` marks a receipt that is
    already printed (offline tills, history): it earns points, its price stands.
    ``coupons`` are codes of promotions whose coupon was shown and holds. ``stock``
    tells how many of a gift are left in the store: a missing SKU has enough.
    """

    store: str
    at: datetime
    lines: tuple[BasketLine, ...]
    channel: str = "store"
    member: MemberFacts | None = None
    final_prices: bool = False
    store_groups: frozenset[str] = frozenset()
    coupons: frozenset[str] = frozenset()
    tenders: frozenset[str] = frozenset()
    stock: Mapping[str, int] = {}
    gifts: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True, gc=False):
    """Some goods of one line and the amount that a rule counts for them."""

    line: BasketLine
    quantity_milli: int
    amount_minor: int

    @property
    def units(self) -> int:
        """Whole pieces; weighed goods are one piece, whatever they weigh."""
        return int(self.quantity_milli > 0) if self.line.is_weighed else self.quantity_milli // 1000


def total(parts: Iterable[Part]) -> int:
    # A list, not a generator: every rule adds up every basket, and it takes half the time.
    return sum([part.amount_minor for part in parts])


def units(parts: Iterable[Part]) -> int:
    return sum([part.units for part in parts])
