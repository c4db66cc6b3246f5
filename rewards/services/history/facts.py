"""What the rules need to know of stores and products, kept small over a long import."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from members.models import Store, StoreGroup
from rewards.rules.needs import Needs

MOST_KEPT = 20_000
_PRODUCTS = """
    SELECT p.sku, p.id, p.category_id, coalesce(b.code, ''), p.cost_minor, p.excluded_from_earning,
           p.excluded_from_redemption,
           CASE WHEN %(attributes)s THEN p.attributes ELSE '{}' END,
           CASE WHEN %(lists)s THEN ARRAY(
               SELECT l.code FROM members_productlist_products m
                 JOIN members_productlist l ON l.id = m.productlist_id
                WHERE m.product_id = p.id ORDER BY l.code) ELSE '{}' END
      FROM members_product p LEFT JOIN members_brand b ON b.id = p.brand_id
     WHERE p.sku = ANY(%(skus)s)
"""


class ProductFacts(NamedTuple):
    id: int
    categories: tuple[str, ...]
    brand: str
    cost_minor: int | None
    no_earning: bool
    no_redemption: bool
    attributes: dict[str, str]
    lists: tuple[str, ...]


class Products:
    """Products by SKU; all are forgotten when too many are kept, or rules ask for more of them."""

    def __init__(self) -> None:
        self._kept: dict[str, ProductFacts] = {}
        self._asked: dict[str, bool] = {}

    def forget(self) -> None:
        self._kept.clear()

    def of(
        self, skus: Collection[str], categories: Mapping[int, tuple[str, ...]], needs: Needs
    ) -> Mapping[str, ProductFacts]:
        asked = {"attributes": needs.attributes, "lists": needs.product_lists}
        if len(self._kept) > MOST_KEPT or asked != self._asked:
            self.forget()
            self._asked = asked
        missing = sorted(set(skus) - self._kept.keys())
        if missing:
            with connection.cursor() as cursor:
                cursor.execute(_PRODUCTS, {"skus": missing, **asked})
                for sku, key, category, *flags, attributes, lists in cursor.fetchall():
                    path = categories.get(category, ())
                    named = (json.loads(attributes), tuple(lists))
                    self._kept[sku] = ProductFacts._make((key, path, *flags, *named))
        return self._kept


class StoreZones:
    """The time zone of each store, looked up once."""

    def __init__(self) -> None:
        self._kept: dict[str, ZoneInfo] = {}

    def __getitem__(self, code: str) -> ZoneInfo:
        if code not in self._kept:
            self._kept[code] = ZoneInfo(
                Store.objects.values_list("time_zone", flat=True).get(code=code)
            )
        return self._kept[code]


class StoreGroups:
    """The groups of each store, looked up once where rules ask for them."""

    def __init__(self) -> None:
        self._kept: dict[str, frozenset[str]] = {}

    def of(self, code: str, needs: Needs) -> frozenset[str]:
        if not needs.store_groups:
            return frozenset()
        if code not in self._kept:
            known = StoreGroup.objects.filter(stores__code=code)
            self._kept[code] = frozenset(known.values_list("code", flat=True))
        return self._kept[code]
