"""The mapping's own tables in memory: products by their id, stores by their number."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from django.utils.translation import gettext_lazy as _

from members.imports.errors import FileUnreadable
from members.imports.expressions import LookupTable, columns_of
from members.imports.mapping import Mapping, TableFile
from members.imports.readers import read

MOST_ROWS = 2_000_000


def load_tables(mapping: Mapping) -> dict[str, LookupTable]:
    return {
        name: load(table, columns_used(mapping, name)) for name, table in mapping.tables.items()
    }


def columns_used(mapping: Mapping, table: str) -> set[str]:
    """Only the columns that some expression reads: a product table may be wide."""
    used = {mapping.tables[table].key, *looked_up(mapping.model_dump(), table)}
    if mapping.products and mapping.products.table == table:
        at = mapping.products
        fields = [at.sku, at.name, at.barcode, at.brand, *at.categories]
        used |= columns_of([one for one in fields if one is not None])
    return used


def looked_up(part: object, table: str) -> set[str]:
    if isinstance(part, dict):
        mine = {str(part["column"])} if "lookup" in part and part.get("table") == table else set()
        return mine.union(*(looked_up(one, table) for one in part.values()))
    if isinstance(part, (list, tuple)):
        return set().union(*(looked_up(one, table) for one in part))
    return set()


def load(table: TableFile, columns: set[str]) -> LookupTable:
    path = table.path or Path()
    batches, count = [], 0
    for batch in read(table, path, columns):
        batches.append(batch.rows)
        count += batch.rows.num_rows
        if count > MOST_ROWS or batch.problems:
            raise FileUnreadable(
                _("A table of the mapping has broken lines or too many of them"),
                file=path.name,
                line=batch.problems[0].line if batch.problems else count,
            )
    rows = pa.concat_tables(batches).combine_chunks()
    return LookupTable(rows[table.key].combine_chunks(), rows)
