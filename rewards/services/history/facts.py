"""What the rules need to know of stores and products, kept small over a long import."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from members.models import Store

MOST_KEPT = 20_000
_PRODUCTS = """
    SELECT p.sku, p.id, p.category_id, coalesce(b.code, ''), p.cost_minor, p.excluded_from_earning,
           p.excluded_from_redemption
      FROM members_product p LEFT JOIN members_brand b ON b.id = p.brand_id WHERE p.sku = ANY(%s)
"""


class ProductFacts(NamedTuple):
    id: int
    categories: tuple[str, ...]
    brand: str
    cost_minor: int | None
    no_earning: bool
    no_redemption: bool


class Products:
    """Products by SKU; when too many are kept, all are forgotten."""

    def __init__(self) -> None:
        self._kept: dict[str, ProductFacts] = {}

    def forget(self) -> None:
        self._kept.clear()

    def of(
        self, skus: Collection[str], categories: Mapping[int, tuple[str, ...]]
    ) -> Mapping[str, ProductFacts]:
        if len(self._kept) > MOST_KEPT:
            self.forget()
        missing = sorted(set(skus) - self._kept.keys())
        if missing:
            with connection.cursor() as cursor:
                cursor.execute(_PRODUCTS, [missing])
                for sku, key, category, *rest in cursor.fetchall():
                    self._kept[sku] = ProductFacts(key, categories.get(category, ()), *rest)
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
