"""Where the codes of a field come from: what they are called, and a search among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from members.models import (
    Brand,
    Category,
    PriceList,
    Product,
    ProductList,
    Segment,
    Store,
    StoreGroup,
    Tag,
)
from rewards.models import Promotion, StackingGroup

FOUND_AT_ONCE = 10
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Source:
    """A table of codes and names. ``also`` are columns that a search looks at besides."""

    rows: QuerySet[Any]
    code: str = "code"
    also: tuple[str, ...] = ()

    def names(self, codes: Iterable[str]) -> dict[str, str]:
        known = self.rows.filter(**{f"{self.code}__in": list(codes)}).order_by()
        return dict(known.values_list(self.code, "name"))

    def find(self, text: str) -> list[tuple[str, str]]:
        """The first few rows whose code begins with the text, or whose name has it."""
        asked = Q(**{f"{self.code}__istartswith": text}) | Q(name__icontains=text)
        for column in self.also:
            asked |= Q(**{column: text})
        found = self.rows.filter(asked).order_by("name", "pk")
        return list(found.values_list(self.code, "name")[:FOUND_AT_ONCE])


SOURCES: Mapping[str, Source] = {
    "products": Source(Product.objects.all(), "sku", ("barcode",)),
    "categories": Source(Category.objects.all()),
    "brands": Source(Brand.objects.all()),
    "lists": Source(ProductList.objects.all()),
    "price_lists": Source(PriceList.objects.all()),
    "stores": Source(Store.objects.all()),
    "store_groups": Source(StoreGroup.objects.all()),
    "tags": Source(Tag.objects.all()),
    "segments": Source(Segment.objects.all()),
    "promotions": Source(Promotion.objects.all()),
    "groups": Source(StackingGroup.objects.all()),
}

#: Fields of codes: by record and name, or by name alone.
_FIELDS: Mapping[str, str] = {
    "skus": "products",
    "categories": "categories",
    "brands": "brands",
    "lists": "lists",
    "stores": "stores",
    "tags": "tags",
    "not_with": "promotions",
    "Stacking.group": "groups",
    "InStores.codes": "stores",
    "InStoreGroups.codes": "store_groups",
    "HasTag.codes": "tags",
    "InSegment.codes": "segments",
    "FirstOfCategory.codes": "categories",
    "CouponShown.codes": "promotions",
    "PriceFromList.code": "price_lists",
    "AddTag.code": "tags",
    "Template.products": "products",
    "Template.price_list": "price_lists",
    "Template.coupon": "promotions",
    "SampleLine.sku": "products",
    "Sample.store": "stores",
    "NextCoupon.code": "promotions",
}


def source_of(owner: str, name: str) -> str:
    """The source of a field; empty when its codes stand in no table."""
    return _FIELDS.get(f"{owner}.{name}") or _FIELDS.get(name, "")


class Named:
    """Names of many codes, one query for each table that is asked about at all."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, None]] = {}
        self._known: dict[str, dict[str, str]] = {}

    def ask(self, source: str, codes: Iterable[str]) -> None:
        if source:
            self._asked.setdefault(source, {}).update(dict.fromkeys(codes))

    def fetch(self) -> None:
        self._known = {
            source: SOURCES[source].names(codes) for source, codes in self._asked.items() if codes
        }

    def name(self, source: str, code: str) -> str:
        return self._known.get(source, {}).get(code, "")
