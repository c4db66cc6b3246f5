"""What is in the basket: amounts, pieces, kinds of goods, goods bought together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rewards.rules.basket import total, units
from rewards.rules.conditions.base import Goods, GoodsCondition, Miss, fewer
from rewards.rules.selectors import Selector, Strict

Amount = Annotated[int, Field(gt=0, le=10**12)]
Pieces = Annotated[int, Field(gt=0, le=100_000)]


class SpendsAtLeast(GoodsCondition):
    """The counted goods cost so much, after everything that came before. The limit is included."""

    kind: Literal["min_spend"]
    amount_minor: Amount

    def goods_miss(self, goods: Goods) -> Miss | None:
        return fewer("min_spend", self.amount_minor, total(goods.parts))


class TakesAtLeast(GoodsCondition):
    """So many pieces of the counted goods; weighed goods are one piece a line."""

    kind: Literal["min_quantity"]
    quantity: Pieces

    def goods_miss(self, goods: Goods) -> Miss | None:
        return fewer("min_quantity", self.quantity, units(goods.parts))


class BasketCosts(GoodsCondition):
    """The whole basket costs so much, counted goods or not."""

    whole_basket: ClassVar[bool] = True
    kind: Literal["basket_total"]
    amount_minor: Amount

    def goods_miss(self, goods: Goods) -> Miss | None:
        return fewer("basket_total", self.amount_minor, total(goods.everything))


class BasketItems(GoodsCondition):
    """So many pieces in the whole basket."""

    whole_basket: ClassVar[bool] = True
    kind: Literal["basket_items"]
    quantity: Pieces

    def goods_miss(self, goods: Goods) -> Miss | None:
        return fewer("basket_items", self.quantity, units(goods.everything))


class BasketKinds(GoodsCondition):
    """So many different products in the whole basket."""

    whole_basket: ClassVar[bool] = True
    kind: Literal["basket_distinct"]
    count: Pieces

    def goods_miss(self, goods: Goods) -> Miss | None:
        kinds = {part.line.sku for part in goods.everything if part.quantity_milli > 0}
        return fewer("basket_distinct", self.count, len(kinds))


class BundleItem(Strict):
    """So many pieces of these goods."""

    goods: Selector
    quantity: Pieces = 1


class BuysTogether(GoodsCondition):
    """All of these are in the basket. A piece that fits two places fills the first of them."""

    whole_basket: ClassVar[bool] = True
    kind: Literal["bundle"]
    items: Annotated[list[BundleItem], Field(min_length=1, max_length=20)]

    def goods_miss(self, goods: Goods) -> Miss | None:
        taken: dict[int, int] = {}
        for number, item in enumerate(self.items, start=1):
            if missing := item.quantity - _take(goods, item, taken):
                return Miss("bundle", {"item": number, "missing": missing}, near=True)
        return None

    def selectors(self) -> Iterable[Selector]:
        return [item.goods for item in self.items]


def _take(goods: Goods, item: BundleItem, taken: dict[int, int]) -> int:
    """Take pieces for one place of a bundle; how many there were, the needed ones at most."""
    found = 0
    for part in goods.chosen(item.goods):
        free = part.units - taken.get(part.line.line_no, 0)
        use = min(free, item.quantity - found)
        taken[part.line.line_no] = taken.get(part.line.line_no, 0) + use
        found += use
    return found
