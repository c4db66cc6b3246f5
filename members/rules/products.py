"""What a row of the catalogue must look like: pure checks, one list of faults a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NotRequired, TypedDict

LARGEST_PRICE: Final = 10**12
_LENGTHS: Final = {"sku": 80, "name": 300, "barcode": 32, "category": 80, "brand": 80}
_NEEDED: Final = ("sku", "name")


class ProductRow(TypedDict):
    """One product as a caller gives it; what is left out stays as it is, or empty on a new one.

    ``category`` and ``brand`` are codes, null takes them off. Prices are in minor
    units, for one unit of the product.
    """

    sku: str
    name: str
    barcode: NotRequired[str]
    category: NotRequired[str | None]
    brand: NotRequired[str | None]
    price_minor: NotRequired[int | None]
    cost_minor: NotRequired[int | None]
    excluded_from_earning: NotRequired[bool]
    excluded_from_redemption: NotRequired[bool]
    is_active: NotRequired[bool]


class CategoryRow(TypedDict):
    """One node of the tree; ``parent`` is the code of the node above, null for a root."""

    code: str
    name: str
    parent: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of one row; ``pointer`` starts at the list."""

    pointer: str
    code: str
    params: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row: created, updated, unchanged or refused."""

    ref: str
    status: str
    errors: tuple[Fault, ...] = ()


def row_faults(at: int, row: Mapping[str, Any], categories: Iterable[str]) -> list[Fault]:
    """Faults of one product, given the category codes that exist."""
    faults = [*_text_faults(at, row), *_price_faults(at, row)]
    category = row.get("category")
    if category is not None and category not in categories:
        faults.append(Fault(f"/items/{at}/category", "unknown_category", {"code": category}))
    return faults


def _text_faults(at: int, row: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for name, longest in _LENGTHS.items():
        text = row.get(name) or ""
        if name in _NEEDED and not text.strip():
            faults.append(Fault(f"/items/{at}/{name}", "required"))
        elif len(text) > longest:
            faults.append(Fault(f"/items/{at}/{name}", "max_length", {"max": longest}))
        elif "\0" in text:
            faults.append(Fault(f"/items/{at}/{name}", "null_character"))
    return faults


def _price_faults(at: int, row: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault(f"/items/{at}/{name}", "out_of_range", {"min": 0, "max": LARGEST_PRICE})
        for name in ("price_minor", "cost_minor")
        if row.get(name) is not None and not 0 <= row[name] <= LARGEST_PRICE
    ]


def repeats(keys: Sequence[str]) -> set[int]:
    """Positions whose key stands earlier in the list already."""
    seen: set[str] = set()
    again = set()
    for at, key in enumerate(keys):
        if key in seen:
            again.add(at)
        seen.add(key)
    return again
