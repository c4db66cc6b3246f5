"""Which goods a promotion is about: what it names, less what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from rewards.rules.basket import BasketLine

Code = Annotated[str, Field(min_length=1, max_length=80)]
Codes = Annotated[list[Code], Field(max_length=10_000)]
SomeCodes = Annotated[list[Code], Field(min_length=1, max_length=5_000)]

#: How narrowly a line was named. The nearest category wins: its depth is added.
EVERYTHING, ATTRIBUTE, BRAND, CATEGORY, LIST, PRODUCT = 0, 500, 1_000, 2_000, 2_500, 3_000


class Strict(BaseModel):
    """A part of a definition: unknown fields are refused, values never change."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProductSet(Strict):
    """Products by SKU, category with all below it, brand, list, attribute: joined by or."""

    skus: Codes = []
    categories: Codes = []
    brands: Codes = []
    lists: Codes = []
    attributes: Annotated[dict[Code, SomeCodes], Field(max_length=50)] = {}

    def lookup_keys(self) -> Iterator[str]:
        yield from (f"p:{sku}" for sku in self.skus)
        yield from (f"c:{code}" for code in self.categories)
        yield from (f"b:{code}" for code in self.brands)
        yield from (f"l:{code}" for code in self.lists)
        for name, values in self.attributes.items():
            yield from (f"a:{name}={value}" for value in values)


class Selector(Strict):
    """The goods that a promotion counts. Naming nothing includes everything."""

    include: ProductSet = Field(default_factory=ProductSet)
    exclude: ProductSet = Field(default_factory=ProductSet)

    @cached_property
    def included(self) -> frozenset[str]:
        return frozenset(self.include.lookup_keys())

    @cached_property
    def excluded(self) -> frozenset[str]:
        return frozenset(self.exclude.lookup_keys())

    def takes(self, keys: frozenset[str]) -> bool:
        """Whether a line with these keys is one of the goods."""
        if self.included and self.included.isdisjoint(keys):
            return False
        return self.excluded.isdisjoint(keys)


def keys_of(line: BasketLine) -> Iterator[tuple[str, int]]:
    """The keys that may name this line, each with how narrow it is."""
    yield f"p:{line.sku}", PRODUCT
    for depth, code in enumerate(line.categories):
        yield f"c:{code}", CATEGORY + depth
    if line.brand:
        yield f"b:{line.brand}", BRAND
    for code in line.lists:
        yield f"l:{code}", LIST
    for name, value in line.attributes.items():
        yield f"a:{name}={value}", ATTRIBUTE
