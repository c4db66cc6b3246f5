"""A file with its mapping, opened: chunks of whole receipts, and what is known of it beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.utils.translation import gettext_lazy as _

from members.imports.columns import everywhere, sure
from members.imports.errors import FileUnreadable
from members.imports.expressions import LookupTable, Scope, as_text, columns_of, evaluate
from members.imports.heads import with_heads
from members.imports.mapping import Mapping, SourceFile
from members.imports.readers import BLOCK_BYTES, Batch, kind_of, read
from members.imports.rows import Chunk, Rows, canonical, chunks
from members.imports.tables import load_tables
from members.imports.values import instants

FINGERPRINT_BYTES = 1 << 20
CHUNK_LINES = 10_000


@dataclass(frozen=True)
class Selection:
    """A part of a file: some stores, some members, up to a moment. None means all."""

    stores: frozenset[str] | None = None
    members: frozenset[str] | None = None
    share: float | None = None
    until: datetime | None = None

    def mask(self, stores: pa.Array, members: pa.Array) -> pa.Array:
        """Which rows are wanted, by what stands in the file."""
        wanted = everywhere(len(stores))
        for values, chosen in ((stores, self.stores), (members, self.members)):
            if chosen is not None:
                known = pa.array(sorted(chosen), pa.string())
                wanted = pc.and_(wanted, pc.is_in(values, value_set=known))
        if self.share is not None:
            wanted = pc.and_(wanted, by_share(members, self.share))
        return wanted

    @property
    def digest(self) -> str:
        """The end is no part of it: a later day's run of a sample is the same sample."""
        parts = [sorted(one or ()) for one in (self.stores, self.members)]
        return hashlib.sha256(repr([*parts, self.share]).encode()).hexdigest()

    @property
    def is_all(self) -> bool:
        return (self.stores, self.members, self.share) == (None, None, None)


def by_share(members: pa.Array, share: float) -> pa.Array:
    """The same members on every run: chosen by the fingerprint of what they are called."""
    coded = members.dictionary_encode()
    chosen = [is_chosen(value, share) for value in coded.dictionary.to_pylist()]
    return sure(pa.array(chosen, pa.bool_()).take(coded.indices))


def is_chosen(value: str, share: float) -> bool:
    return int.from_bytes(hashlib.sha256(value.encode()).digest()[:4], "big") < share * 2**32


@dataclass
class HistoryFile:
    """Receipts of one file, read with one mapping; ``lines_path`` is the second of two files."""

    mapping: Mapping
    path: Path
    lines_path: Path | None = None
    shift: timedelta = timedelta()
    selection: Selection = field(default_factory=Selection)

    @cached_property
    def tables(self) -> dict[str, LookupTable]:
        return load_tables(self.mapping)

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same bytes, mapping and part. Of large files only the ends are read."""
        digest = hashlib.sha256(f"{self.mapping.digest} {self.selection.digest}".encode())
        for path in filter(None, (self.path, self.lines_path)):
            size = path.stat().st_size
            with path.open("rb") as file:
                digest.update(b"%d" % size + file.read(FINGERPRINT_BYTES))
                file.seek(max(0, size - FINGERPRINT_BYTES))
                digest.update(file.read(FINGERPRINT_BYTES))
        return digest.hexdigest()

    @cached_property
    def total(self) -> int:
        """Lines in the file, about: for the progress bar."""
        path = self.lines_path or self.path
        if kind_of(self._lines_source, path) == "parquet":
            return int(pq.read_metadata(path).num_rows)
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK_BYTES), b""))

    @property
    def _lines_source(self) -> SourceFile:
        return self.mapping.lines or self.mapping.source

    def chunks(self, latest: datetime, after_line: int = 0) -> Iterator[Chunk]:
        """Whole receipts after the line ``after_line``, shifted, and only the selected ones."""
        rows = (
            self._in_time(self._shifted(canonical(batch, self.mapping, self.tables, latest)))
            for batch in map(self._selected, self._batches(after_line))
        )
        return chunks(rows, CHUNK_LINES)

    def _batches(self, after_line: int) -> Iterator[Batch]:
        batches = (
            self._joined()
            if self.lines_path
            else read(self.mapping.source, self.path, self.mapping.columns)
        )
        for batch in batches:
            yield from later(batch, after_line)

    def _joined(self) -> Iterator[Batch]:
        assert self.lines_path is not None
        if self.mapping.lines is None:
            raise FileUnreadable(
                _("The mapping has no [lines] part, so there can be no second file")
            )
        return with_heads(self.mapping, self.path, self.lines_path)

    def _shifted(self, rows: Rows) -> Rows:
        if not self.shift:
            return rows
        at = rows.table.schema.get_field_index("occurred_at")
        moved = pc.add(rows.table["occurred_at"], pa.scalar(self.shift, pa.duration("us")))
        return replace(rows, table=rows.table.set_column(at, "occurred_at", moved))

    def _selected(self, batch: Batch) -> Batch:
        """Leave rows out before anything is made of them: of a sample, that is most."""
        if self.selection.is_all:
            return batch
        scope = Scope(batch.rows, self.tables, lambda *_told: None)
        at = self.mapping.receipt
        stores = as_text(evaluate(at.store, scope))
        members = (
            as_text(evaluate(at.member, scope)) if at.member else pa.nulls(len(stores), pa.string())
        )
        mask = self.selection.mask(stores, members)
        return Batch(batch.rows.filter(mask), batch.lines.filter(mask), batch.problems)

    def _in_time(self, rows: Rows) -> Rows:
        """Leave out what lies after the selection's end, with what was wrong about it."""
        if self.selection.until is None:
            return rows
        late = pc.greater(rows.table["occurred_at"], pa.scalar(self.selection.until))
        mask = pc.invert(sure(late))
        left_out = set(rows.table["line"].filter(pc.invert(mask)).to_pylist())
        kept = [problem for problem in rows.problems if problem.line not in left_out]
        return Rows(rows.table.filter(mask), kept)

    def last_moment(self) -> datetime | None:
        """When the last receipt was bought, as the file tells it."""
        at, last = self.mapping.receipt.occurred_at, None
        for batch in read(self.mapping.source, self.path, columns_of(at)):
            scope = Scope(batch.rows, {}, lambda *_told: None)
            times = instants(evaluate(at, scope), self.mapping.time_format, self.mapping.time_zone)
            last = max(filter(None, (last, pc.max(times).as_py())), default=None)
        return last


def later(batch: Batch, after_line: int) -> Iterator[Batch]:
    if not after_line:
        yield batch
        return
    new = pc.greater(batch.lines, after_line)
    problems = [problem for problem in batch.problems if problem.line > after_line]
    if pc.any(new).as_py() or problems:
        yield Batch(batch.rows.filter(new), batch.lines.filter(new), problems)
