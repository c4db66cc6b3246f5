"""Which codes of the shop a wording names, by the table they should stand in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from rewards.rules.conditions.people import FirstOfCategory, HasTag, InSegment
from rewards.rules.conditions.places import CouponShown, InStoreGroups, InStores
from rewards.rules.definitions import Definition
from rewards.rules.selectors import ProductSet


def named(definition: Definition) -> Mapping[str, set[str]]:
    """Table → codes. Words of the till (channels, tenders) stand in no table."""
    found: dict[str, set[str]] = defaultdict(set)
    for selector in (definition.goods, *definition.selectors()):
        for products in (selector.include, selector.exclude):
            for table, code in _of_products(products):
                found[table].add(code)
    for condition in definition.conditions():
        if of_condition := _TABLES.get(type(condition)):
            found[of_condition].update(getattr(condition, "codes", ()))
    needs = definition.needs()
    found["price_lists"].update(needs.price_lists)
    found["products"].update(needs.gifts)
    found["promotions"].update(definition.stacking.not_with)
    if pilot := definition.pilot:
        found["stores"].update(pilot.stores)
        found["tags"].update(pilot.tags)
    return {table: codes for table, codes in found.items() if codes}


_TABLES = {
    FirstOfCategory: "categories",
    CouponShown: "promotions",
    InSegment: "segments",
    InStoreGroups: "store_groups",
    InStores: "stores",
    HasTag: "tags",
}


def _of_products(products: ProductSet) -> Iterator[tuple[str, str]]:
    yield from (("products", sku) for sku in products.skus)
    yield from (("categories", code) for code in products.categories)
    yield from (("brands", code) for code in products.brands)
    yield from (("lists", code) for code in products.lists)
