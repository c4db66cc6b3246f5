"""Products that receipts name and the catalogue does not have yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Named
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import Actor
from members.imports.expressions import LookupTable, Scope, as_text, evaluate
from members.imports.mapping import Mapping, ProductFields
from members.models import Category
from members.rules.products import CategoryRow, ProductRow
from members.services.products import MOST_ROWS, upsert_categories, upsert_products

LONGEST_CODE = 80
Described = dict[str, dict[str, Any]]


class Catalogue:
    """Adds products out of the mapping's product table, or with what the line itself says."""

    def __init__(self, mapping: Mapping, tables: Named[str, LookupTable], actor: Actor) -> None:
        self._tables = tables
        self._fields = mapping.products
        self._actor = actor
        self._categories: set[str] | None = None

    def add(self, unknown: Sequence[tuple[str, str]]) -> int:
        """Create the products ``(sku, name on the line)``; categories and brands come with them."""
        described = self.described([sku for sku, _name in unknown]) if unknown else {}
        rows = [product_row(sku, name, described.get(sku, {})) for sku, name in unknown]
        for part in parts(rows):
            upsert_products(rows=part, actor=self._actor)
        return len(rows)

    def forget(self) -> None:
        """What was made in a transaction that failed was not made."""
        self._categories = None

    def described(self, skus: list[str]) -> Described:
        """What the product table knows of the SKUs; their categories are made on the way."""
        at = self._fields
        if at is None:
            return {}
        table = self._tables[at.table]
        known = pc.is_in(table.key.cast(pa.string()), value_set=pa.array(skus, pa.string()))
        scope = Scope(table.columns.filter(known), self._tables, reject=lambda *_told: None)
        columns = {
            name: as_text(evaluate(one, scope)).to_pylist()
            for name, one in (
                ("sku", at.sku),
                ("name", at.name),
                ("barcode", at.barcode),
                ("brand", at.brand),
            )
            if one is not None
        }
        columns["category"] = self._categorise(at, scope)
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        return {row["sku"]: {name: value for name, value in row.items() if value} for row in rows}

    def _categorise(self, at: ProductFields, scope: Scope) -> list[str | None]:
        """The code of each row's category; the branches that lead there are made where missing."""
        levels = [as_text(evaluate(one, scope)).to_pylist() for one in at.categories]
        if not levels:
            return [None] * scope.rows.num_rows
        paths = [tuple(name for name in names if name) for names in zip(*levels, strict=True)]
        self._make(paths)
        return [code_of(path) if path else None for path in paths]

    def _make(self, paths: Sequence[tuple[str, ...]]) -> None:
        if self._categories is None:
            self._categories = set(Category.objects.values_list("code", flat=True))
        nodes = {row["code"]: row for path in dict.fromkeys(paths) for row in branch(path)}
        new = [row for code, row in nodes.items() if code not in self._categories]
        for part in parts(new):
            upsert_categories(rows=part, actor=self._actor)
        self._categories |= nodes.keys()


def product_row(sku: str, name: str, known: dict[str, Any]) -> ProductRow:
    title = known.get("name") or name or _("Product %(sku)s") % {"sku": sku}
    return {**known, "sku": sku, "name": title}  # type: ignore[typeddict-item]


def branch(path: tuple[str, ...]) -> Iterator[CategoryRow]:
    """The nodes from the root to the end of a path."""
    for depth, name in enumerate(path, start=1):
        above = code_of(path[: depth - 1]) if depth > 1 else None
        yield {"code": code_of(path[:depth]), "name": name[:200], "parent": above}


def code_of(path: Sequence[str]) -> str:
    """``grocery/dairy``, as the catalogue's own paths; a long one ends in its fingerprint."""
    code = "/".join(name.strip().lower().replace("/", "-") for name in path)
    if len(code) <= LONGEST_CODE:
        return code
    return f"{code[: LONGEST_CODE - 13]}-{hashlib.sha256(code.encode()).hexdigest()[:12]}"


def parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), MOST_ROWS):
        yield rows[start : start + MOST_ROWS]
