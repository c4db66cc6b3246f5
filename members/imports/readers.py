"""Rows out of CSV, Parquet and blank-separated files, a batch at a time.

Whatever the size of the file, a batch and the parser's block are all that is in
memory. Packed files are refused by their first bytes, whatever their name says,
so there is nothing that could swell when it is opened.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from django.utils.translation import gettext_lazy as _

from members.imports.errors import FileUnreadable
from members.imports.mapping import SourceFile
from members.imports.problems import Problem

ROWS = 4_096
BLOCK_BYTES = 1 << 20
PAGE_BYTES = 1 << 16
PACKED = {
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zX": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PARQUET = b"PAR1"
# Bytes that a broken encoding leaves behind; they can't stand in a database text.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass
class Batch:
    """Rows of the file with the number of the line each of them stands on."""

    rows: pa.Table
    lines: pa.Array
    problems: list[Problem] = field(default_factory=list)


def read(source: SourceFile, path: Path, columns: Collection[str]) -> Iterator[Batch]:
    """All rows of the file, with the named columns alone.

    A missing column is refused, unless the mapping calls it optional: then it is empty.
    """
    readers = {"parquet": parquet, "words": words, "csv": delimited}
    batches = readers[kind_of(source, path)](source, path, columns)
    return (with_optional(batch, columns) for batch in batches)


def with_optional(batch: Batch, columns: Collection[str]) -> Batch:
    for name in sorted(set(columns) - set(batch.rows.column_names)):
        batch.rows = batch.rows.append_column(name, pa.nulls(batch.rows.num_rows, pa.string()))
    return batch


def kind_of(source: SourceFile, path: Path) -> str:
    """What the file is, by its first bytes; the mapping's word must not contradict them."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as wrong:
        raise FileUnreadable(str(wrong.strerror), file=path.name) from wrong
    for magic, name in PACKED.items():
        if start.startswith(magic):
            raise FileUnreadable(
                _("The file is packed: unpack it first"), file=path.name, packed=name
            )
    found = "parquet" if start.startswith(PARQUET) else "csv"
    if source.format == "auto":
        return found
    if (source.format == "parquet") != (found == "parquet"):
        raise FileUnreadable(
            _("The file is not of the format that the mapping names"),
            file=path.name,
            expected=source.format,
            found=found,
        )
    return source.format


def columns_there(
    source: SourceFile, found: Collection[str], wanted: Collection[str], path: Path
) -> list[str]:
    """Those of the wanted columns that the file has; refused when it has to have more."""
    names = list(found)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileUnreadable(
            _("A column stands in the header twice"), file=path.name, columns=twice
        )
    if missing := sorted(set(wanted) - set(names) - set(source.optional)):
        raise FileUnreadable(
            _("The file does not have all columns of the mapping"),
            file=path.name,
            missing=missing,
            found=names[:50],
        )
    return sorted(set(wanted) & set(names))


# Parquet


def parquet(source: SourceFile, path: Path, columns: Collection[str]) -> Iterator[Batch]:
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=PAGE_BYTES) as file:
            there = columns_there(source, file.schema_arrow.names, columns, path)
            start = 1
            for batch in file.iter_batches(ROWS, columns=there, use_threads=False):
                yield Batch(pa.Table.from_batches([batch]), numbers(start, batch.num_rows))
                start += batch.num_rows
    except (pa.ArrowException, OSError) as wrong:
        raise FileUnreadable(str(wrong)[:300], file=path.name) from wrong


# CSV


def delimited(source: SourceFile, path: Path, columns: Collection[str]) -> Iterator[Batch]:
    """Every cell is text here: what it should be is checked later, line by line."""
    header = source.header or header_of(source, path)
    there = columns_there(source, header, columns, path)
    ragged = Ragged(first_line=1 if source.header else 2)
    with utf8(source, path) as file:
        try:
            yield from csv_batches(source, file, header, there, ragged)
        except (pa.ArrowException, OSError) as wrong:
            after = ragged.next_line
            raise FileUnreadable(str(wrong)[:300], file=path.name, after_line=after) from wrong


@dataclass
class Ragged:
    """Rows with too few or too many cells are left out, told of, and counted as lines."""

    first_line: int
    next_line: int = 0
    skipped: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next_line = self.first_line

    def __call__(self, row: pc_csv.InvalidRow) -> str:
        # The parser counts rows from one, the header among them.
        line = row.number if row.number is not None else 0
        expected = _("%(count)s cells") % {"count": row.expected_columns}
        self.skipped.append(line)
        self.problems.append(Problem(line, "", row.text or "", expected))
        return "skip"

    def lines_of(self, count: int) -> tuple[pa.Array, list[Problem]]:
        """Line numbers of the next ``count`` good rows, and the problems up to them."""
        lines: list[int] = []
        line = self.next_line
        skipped = set(self.skipped)
        while len(lines) < count:
            if line not in skipped:
                lines.append(line)
            line += 1
        self.next_line = line
        told = [one for one in self.problems if one.line < line]
        self.problems = [one for one in self.problems if one.line >= line]
        self.skipped = [one for one in self.skipped if one >= line]
        return pa.array(lines, pa.int64()), told


def csv_batches(
    source: SourceFile,
    file: pa.NativeFile,
    header: list[str],
    columns: Collection[str],
    ragged: Ragged,
) -> Iterator[Batch]:
    reader = pc_csv.open_csv(
        file,
        read_options=pc_csv.ReadOptions(
            block_size=BLOCK_BYTES,
            use_threads=False,
            column_names=header,
            skip_rows=0 if source.header else 1,
        ),
        parse_options=pc_csv.ParseOptions(
            delimiter=source.delimiter, invalid_row_handler=ragged, ignore_empty_lines=False
        ),
        convert_options=pc_csv.ConvertOptions(
            include_columns=sorted(columns),
            column_types=dict.fromkeys(header, pa.string()),
            strings_can_be_null=False,
        ),
    )
    for batch in reader:
        lines, problems = ragged.lines_of(batch.num_rows)
        yield Batch(pa.Table.from_batches([batch]), lines, problems)
    if ragged.problems:
        yield Batch(no_rows(columns), pa.array([], pa.int64()), ragged.problems)


def header_of(source: SourceFile, path: Path) -> list[str]:
    with path.open("rb") as file:
        raw = file.readline(BLOCK_BYTES)
    try:
        text = raw.decode(source.encoding).lstrip("\N{BYTE ORDER MARK}")
    except (UnicodeDecodeError, LookupError) as wrong:
        raise FileUnreadable(str(wrong), file=path.name, line=1) from wrong
    return [name.strip().strip('"') for name in text.strip("\r\n").split(source.delimiter)]


def utf8(source: SourceFile, path: Path) -> pa.NativeFile:
    """The file as UTF-8. Bytes that are none become the replacement character, reported by line."""
    return pa.PythonFile(Recoded(path, source.encoding), mode="r")


class Recoded:
    """A readable file that turns any encoding into sound UTF-8, block by block."""

    def __init__(self, path: Path, encoding: str) -> None:
        # A byte order mark would become a part of the first cell.
        name = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
        try:
            self._decoder = codecs.getincrementaldecoder(name)(errors="replace")
        except LookupError as wrong:
            raise FileUnreadable(str(wrong), file=path.name) from wrong
        self._file = path.open("rb")
        self._kept = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._kept) < size:
            raw = self._file.read(BLOCK_BYTES)
            text = self._decoder.decode(raw, final=not raw)
            self._kept += text.replace("\x00", REPLACEMENT).encode()
            if not raw:
                break
        size = len(self._kept) if size < 0 else size
        taken, self._kept = self._kept[:size], self._kept[size:]
        return taken

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._file.close()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


# Words


def words(source: SourceFile, path: Path, columns: Collection[str]) -> Iterator[Batch]:
    """Files of statistics courses: cells with blanks between them, one row a line."""
    columns_there(source, source.header, columns, path)
    with path.open(encoding=source.encoding, errors="replace") as file:
        numbered = enumerate(file, start=1)
        while lines := list(islice(numbered, ROWS)):
            yield words_batch(source, lines, columns)


def words_batch(
    source: SourceFile, lines: list[tuple[int, str]], columns: Collection[str]
) -> Batch:
    width = len(source.header)
    cells = [(number, line.split(), line) for number, line in lines if line.strip()]
    good = [(number, row) for number, row, _text in cells if len(row) == width]
    rows = {
        name: pa.array([row[at] for _line, row in good], pa.string())
        for at, name in enumerate(source.header)
        if name in columns
    }
    expected = _("%(count)s cells") % {"count": width}
    problems = [
        Problem(number, "", text.strip(), expected)
        for number, row, text in cells
        if len(row) != width
    ]
    return Batch(pa.table(rows), pa.array([number for number, _row in good], pa.int64()), problems)


def numbers(start: int, count: int) -> pa.Array:
    return pa.array(range(start, start + count), pa.int64())


def no_rows(columns: Collection[str]) -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in sorted(columns)})
