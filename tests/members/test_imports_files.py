"""Files are read in bounded memory, whatever they are; what can't be read is told of by line."""

from __future__ import annotations

import csv
import gzip
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from members.imports.errors import FileUnreadable
from members.imports.mapping import SourceFile
from members.imports.problems import Problem, ProblemFile
from members.imports.readers import read


def rows_of(path, columns=("a", "b"), **source):
    return [
        row for batch in read(SourceFile(**source), path, columns) for row in batch.rows.to_pylist()
    ]


def problems_of(path, columns=("a", "b"), **source):
    return [one for batch in read(SourceFile(**source), path, columns) for one in batch.problems]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_reads_csv_with_a_byte_order_mark_quotes_and_more_columns_than_asked(tmp_path):
    path = write(tmp_path / "f.csv", '\ufeffa,x,b\r\n1,9,2\r\n"p, q",9,é\r\n')

    assert rows_of(path) == [{"a": "1", "b": "2"}, {"a": "p, q", "b": "é"}]


def test_lines_with_a_wrong_number_of_cells_are_left_out_and_numbered(tmp_path):
    path = write(tmp_path / "f.csv", "a,b\n1,2\n3\n4,5\n6,7,8\n")
    batches = list(read(SourceFile(), path, ("a", "b")))

    assert [line for batch in batches for line in batch.lines.to_pylist()] == [2, 4]
    assert [(one.line, one.value) for batch in batches for one in batch.problems] == [
        (3, "3"),
        (5, "6,7,8"),
    ]


def test_reads_other_encodings_and_marks_bytes_that_are_none(tmp_path):
    path = write(tmp_path / "f.csv", "a,b\nЧай,1\n".encode("cp1251"))

    assert rows_of(path, encoding="cp1251") == [{"a": "Чай", "b": "1"}]
    assert rows_of(path)[0]["a"] == "\N{REPLACEMENT CHARACTER}" * 3


@pytest.mark.parametrize("pack", ["zip", "gzip"])
def test_packed_files_are_refused_by_their_first_bytes(tmp_path, pack):
    path = tmp_path / "f.csv"
    if pack == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("f.csv", "a,b\n" * 1000)
    else:
        path.write_bytes(gzip.compress(b"a,b\n1,2\n"))

    with pytest.raises(FileUnreadable) as refusal:
        rows_of(path)

    assert refusal.value.detail["packed"] == pack


def test_a_parquet_file_is_known_by_its_content_not_by_its_name(tmp_path):
    path = tmp_path / "f.csv"
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), path)

    assert rows_of(path) == [{"a": 1, "b": "x"}]
    with pytest.raises(FileUnreadable):
        rows_of(path, format="csv")


@pytest.mark.parametrize(
    ("header", "detail"),
    [("a,b,a", {"columns": ["a"]}), ("a,c", {"missing": ["b"], "found": ["a", "c"]})],
)
def test_headers_with_doubles_or_without_a_needed_column_are_refused(tmp_path, header, detail):
    path = write(tmp_path / "f.csv", f"{header}\n1,2,3\n")

    with pytest.raises(FileUnreadable) as refusal:
        rows_of(path)

    assert detail.items() <= refusal.value.detail.items()


def test_an_optional_column_may_be_missing(tmp_path):
    path = write(tmp_path / "f.csv", "a\n1\n")

    assert rows_of(path, optional=["b"]) == [{"a": "1", "b": None}]


def test_blank_separated_files_have_the_header_of_the_mapping(tmp_path):
    path = write(tmp_path / "f.txt", " 1  2 \n\n 3\n")

    assert rows_of(path, format="words", header=["a", "b"]) == [{"a": "1", "b": "2"}]
    assert problems_of(path, format="words", header=["a", "b"])[0].line == 3


def test_a_cell_without_an_end_is_refused_and_does_not_fill_the_memory(tmp_path):
    path = write(tmp_path / "f.csv", b"a,b\n" + b"x" * 5_000_000)

    with pytest.raises(FileUnreadable):
        rows_of(path)


def test_the_error_file_is_inert_in_a_spreadsheet_and_can_be_cut_back(tmp_path):
    path = tmp_path / "errors.csv"
    report = ProblemFile(path, "f.csv")
    report.write([Problem(2, "net", "=1+1", "a number")])
    kept = report.settle()
    report.write([Problem(3, "net", "x", "a number")])
    report.close()

    ProblemFile(path, "f.csv", kept).close()

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["value"]) for row in rows] == [("2", "'=1+1")]
