"""Two files: receipts in one, their lines in the other, both in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext_lazy as _

from members.imports.errors import FileUnreadable
from members.imports.expressions import Expression, Scope, as_text, columns_of, evaluate
from members.imports.mapping import Mapping
from members.imports.readers import Batch, read

#: How far the two files may be out of step before the second is said to be in another order.
MOST_HEADS = 200_000


def with_heads(mapping: Mapping, heads_path: Path, lines_path: Path) -> Iterator[Batch]:
    """Rows of the file of lines, with the columns of their receipt beside them.

    A column of that name in the file of lines comes first.
    """
    assert mapping.lines is not None
    key = [mapping.receipt.store, mapping.receipt.number]
    key_columns = columns_of(key)
    line_columns = columns_of([one for one in mapping.line.__dict__.values() if one is not None])
    if mapping.thousandths:
        line_columns |= columns_of(mapping.thousandths.of)
    heads = Heads(mapping, heads_path, key)
    for batch in read(mapping.lines, lines_path, line_columns | key_columns):
        yield heads.beside(batch)


class Heads:
    """The receipts that the next lines may belong to; those that were passed are forgotten."""

    def __init__(self, mapping: Mapping, path: Path, key: list[Expression]) -> None:
        self._key = key
        self._path = path
        fields = [one for one in mapping.receipt.__dict__.values() if one is not None]
        self._columns = columns_of(fields)
        self._more = read(mapping.source, path, self._columns)
        self._kept: pa.Table | None = None
        self._names = pa.array([], pa.string())

    def beside(self, batch: Batch) -> Batch:
        wanted = self._name(batch.rows)
        where = pc.index_in(wanted, value_set=self._names)
        while pc.any(pc.is_null(where)).as_py() and self._read_on():
            where = pc.index_in(wanted, value_set=self._names)
        self._refuse_unknown(batch, wanted, where)
        rows = batch.rows
        for column in sorted(self._columns - set(rows.column_names)):
            assert self._kept is not None
            rows = rows.append_column(column, self._kept[column].take(where))
        self._forget(where)
        return Batch(rows, batch.lines, batch.problems)

    def _name(self, rows: pa.Table) -> pa.Array:
        scope = Scope(rows, {}, lambda *_told: None)
        parts = [pc.fill_null(as_text(evaluate(one, scope)), "") for one in self._key]
        return pc.binary_join_element_wise(*parts, "\t")

    def _read_on(self) -> bool:
        batch = next(self._more, None)
        if batch is None:
            return False
        if batch.problems:
            line = batch.problems[0].line
            raise FileUnreadable(
                _("A line of the receipts' file is broken"), file=self._path.name, line=line
            )
        self._kept = pa.concat_tables([self._kept, batch.rows]) if self._kept else batch.rows
        self._kept = self._kept.combine_chunks()
        self._names = self._name(self._kept)
        if len(self._names) > MOST_HEADS:
            raise FileUnreadable(
                _("The two files must have their receipts in the same order"), file=self._path.name
            )
        return True

    def _refuse_unknown(self, batch: Batch, wanted: pa.Array, where: pa.Array) -> None:
        missing = pc.is_null(where)
        if pc.any(missing).as_py():
            at = pc.indices_nonzero(missing)[0].as_py()
            raise FileUnreadable(
                _("A line belongs to a receipt that the receipts' file does not have here"),
                line=batch.lines[at].as_py(),
                receipt=wanted[at].as_py().replace("\t", " "),
            )

    def _forget(self, where: pa.Array) -> None:
        first = pc.min(where).as_py()
        if first and self._kept is not None:
            self._kept = self._kept.slice(first)
            self._names = self._names.slice(first)
