"""What a row of the catalogue must look like: pure checks, one list of faults a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NotRequired, TypedDict

LARGEST_PRICE: Final = 10**12
HIGHEST_TAX: Final = 10_000
MOST_ATTRIBUTES: Final = 50
LONGEST_ATTRIBUTE: Final = 80
_LENGTHS: Final = {"sku": 80, "name": 300, "barcode": 32, "category": 80, "brand": 80}
_NEEDED: Final = ("sku", "name")


class ProductRow(TypedDict):
    """One product as a caller gives it; what is left out stays as it is, or empty on a new one.

    ``category`` and ``brand`` are codes, null takes them off. Prices are in minor
    units, for one unit of the product. ``attributes`` replace those there were;
    ``tax_basis_points`` null is the programme's standard rate.
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
    attributes: NotRequired[dict[str, str]]
    tax_basis_points: NotRequired[int | None]
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
    faults = [*_text_faults(at, row), *_price_faults(at, row), *_tax_faults(at, row)]
    faults += [
        Fault(f"/items/{at}/attributes", code, params)
        for code, params in attribute_faults(row.get("attributes") or {})
    ]
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


def _tax_faults(at: int, row: Mapping[str, Any]) -> list[Fault]:
    rate = row.get("tax_basis_points")
    if rate is None or 0 <= rate <= HIGHEST_TAX:
        return []
    limits: dict[str, object] = {"min": 0, "max": HIGHEST_TAX}
    return [Fault(f"/items/{at}/tax_basis_points", "out_of_range", limits)]


def attribute_faults(given: object) -> list[tuple[str, dict[str, object]]]:
    """What is wrong with attributes: names with one text each, and not too many."""
    if not isinstance(given, dict):
        return [("not_an_object", {})]
    faults: list[tuple[str, dict[str, object]]] = []
    if len(given) > MOST_ATTRIBUTES:
        faults.append(("too_many", {"max": MOST_ATTRIBUTES}))
    for name, value in given.items():
        if not isinstance(value, str) or not _fits(name) or not _fits(value):
            limits: dict[str, object] = {"name": name[:LONGEST_ATTRIBUTE]}
            faults.append(("invalid_attribute", {**limits, "max": LONGEST_ATTRIBUTE}))
    return faults


def _fits(text: str) -> bool:
    return bool(text.strip()) and len(text) <= LONGEST_ATTRIBUTE and "\0" not in text


def repeats(keys: Sequence[str]) -> set[int]:
    """Positions whose key stands earlier in the list already."""
    seen: set[str] = set()
    again = set()
    for at, key in enumerate(keys):
        if key in seen:
            again.add(at)
        seen.add(key)
    return again
