"""What every sentence about a promotion is made of: names of goods, money, points, shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.models import Brand, Category, Product
from rewards.admin.amounts import money, points
from rewards.models import Programme

SHOWN = 5
BASIS = 100


@dataclass(frozen=True, slots=True)
class Names:
    """What codes are called, fetched once for a page of rules."""

    categories: Mapping[str, str]
    brands: Mapping[str, str]
    products: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def behind(cls, definitions: Iterable[Mapping[str, Any]]) -> Names:
        """Three queries at most. Of many products a sentence shows the first ones alone."""
        categories: set[str] = set()
        brands: set[str] = set()
        skus: set[str] = set()
        for definition in definitions:
            for named in product_sets(definition):
                categories.update(named.get("categories", []))
                brands.update(named.get("brands", []))
                skus.update(named.get("skus", [])[:SHOWN])
        known = Category.objects.order_by().filter(code__in=categories).values_list("code", "name")
        made = Brand.objects.order_by().filter(code__in=brands).values_list("code", "name")
        sold = Product.objects.order_by().filter(sku__in=skus).values_list("sku", "name")
        return cls(
            dict(known) if categories else {},
            dict(made) if brands else {},
            dict(sold) if skus else {},
        )


def product_sets(part: Any) -> Iterator[Mapping[str, Any]]:
    """Every set of products anywhere in a definition."""
    if isinstance(part, list):
        for one in part:
            yield from product_sets(one)
    elif isinstance(part, Mapping):
        yield from (part[side] for side in ("include", "exclude") if side in part)
        if part.get("kind") == "first_of_category":
            yield {"categories": part["codes"]}
        if part.get("kind") == "gift":
            yield {"skus": part["skus"]}
        for one in part.values():
            yield from product_sets(one)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says the parts of one definition in the reader's language."""

    programme: Programme
    names: Names

    def money(self, minor: int) -> str:
        return money(minor, self.programme.currency)

    def points(self, minor: int) -> str:
        return ngettext("%(number)s point", "%(number)s points", minor) % {
            "number": points(self.programme, minor)
        }

    def percent(self, basis_points: int) -> str:
        return self.parts(basis_points, BASIS)

    def parts(self, number: int, per: int) -> str:
        """A number counted in parts of one, with as many places as it needs."""
        whole, rest = divmod(number, per)
        return number_format(Decimal(number) / per) if rest else number_format(whole)

    def codes(self, codes: Iterable[str]) -> str:
        return shortened(list(codes))

    def product(self, sku: str) -> str:
        """By its name, where the catalogue knows it."""
        return self.names.products.get(sku) or _("SKU %(sku)s") % {"sku": sku}

    def choice(self, skus: Sequence[str]) -> str:
        """One of these products; of many, the first ones."""
        said = [self.product(sku) for sku in skus]
        return shortened(said) if len(said) > SHOWN else _(" or ").join(said)

    def categories(self, codes: Iterable[str]) -> str:
        return shortened([self.names.categories.get(code, code) for code in codes])

    def goods(self, selector: Mapping[str, Any]) -> str:
        """The goods of a selector, and which of them are left out."""
        said = self.listed(selector.get("include", {})) or _("all goods")
        if left_out := self.listed(selector.get("exclude", {})):
            return f"{said}, " + _("except %(goods)s") % {"goods": left_out}
        return said

    def listed(self, products: Mapping[str, Any]) -> str:
        said = [
            *(self.names.categories.get(code, code) for code in products.get("categories", [])),
            *(self.names.brands.get(code, code) for code in products.get("brands", [])),
            *(self.product(sku) for sku in products.get("skus", [])),
            *(_("list %(code)s") % {"code": code} for code in products.get("lists", [])),
            *(
                f"{name}: {', '.join(values)}"
                for name, values in products.get("attributes", {}).items()
            ),
        ]
        return shortened(said)


def shortened(said: list[str]) -> str:
    if len(said) <= SHOWN:
        return ", ".join(said)
    more = {"shown": ", ".join(said[:SHOWN]), "count": len(said) - SHOWN}
    return _("%(shown)s and %(count)s more") % more
