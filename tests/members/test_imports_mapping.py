"""A mapping is data: checked as a whole, explained by place, and unable to run anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from members.imports.errors import MappingInvalid
from members.imports.mapping import Mapping, load_mapping
from members.imports.readers import Batch
from members.imports.rows import canonical, chunks

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = {
    "name": "small",
    "receipt": {"store": "s", "number": "n", "occurred_at": "t"},
    "line": {"sku": "k", "quantity": "q", "net": "m"},
}


def chunk_of(rows, mapping=None, **changes):
    """One chunk out of rows of texts: [s, n, t, k, q, m, …]."""
    columns = dict(zip("sntkqm", zip(*rows, strict=True), strict=False))
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    batch = Batch(table, pa.array(range(2, 2 + len(rows)), pa.int64()))
    made = canonical(batch, Mapping.model_validate({**SMALL, **changes}), {}, NOW)
    (chunk,) = chunks([made], 1000)
    return chunk


def row(**given):
    known = {"s": "1", "n": "A", "t": "2025-01-01 10:00:00", "k": "milk", "q": "1", "m": "1.00"}
    return list({**known, **given}.values())


def told(chunk):
    return [(one.line, one.field, one.value) for one in chunk.problems]


@pytest.mark.parametrize("name", ["complete_journey", "cdnow", "standard"])
def test_ready_mappings_are_valid(name):
    assert load_mapping(name).name == name


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"line": {**SMALL["line"], "net": {"eval": "1"}}}, "line.net"),
        ({"line": {"sku": "k", "quantity": "q"}}, "line"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"surprise": 1}, "surprise"),
        ({"products": {"table": "p", "sku": "k", "name": "k"}}, ""),
    ],
)
def test_faults_name_the_place_where_they_stand(tmp_path, change, field):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**SMALL, **change}))

    with pytest.raises(MappingInvalid) as refusal:
        load_mapping(str(path))

    assert [fault["field"] for fault in refusal.value.detail["errors"]] == [field]


def test_a_mapping_that_is_not_there_names_the_ready_ones():
    with pytest.raises(MappingInvalid) as refusal:
        load_mapping("nothing")

    assert "complete_journey" in refusal.value.detail["ready"]


@pytest.mark.parametrize(
    ("cell", "minor"),
    [("1.00", 100), (" 0.29 ", 29), ("+3", 300), ("1000000000", 10**11), ("0", 0)],
)
def test_money_is_exact(cell, minor):
    assert chunk_of([row(m=cell)]).lines["net_minor"].to_pylist() == [minor]


@pytest.mark.parametrize(
    "cell", ["", "x", "1e5", "=1+1", "1,50", "-1", "1.005", "NaN", "99999999999999", "1 000", "∞"]
)
def test_what_is_no_amount_keeps_the_receipt_out(cell):
    chunk = chunk_of([row(m=cell), row(n="B")])

    assert told(chunk)[0][0] == 2
    assert chunk.receipts["number"].to_pylist() == ["B"]
    assert (chunk.refused_receipts, chunk.refused_lines) == (1, 1)


def test_floats_are_taken_for_the_decimals_they_stand_for():
    rows = [row(m=value, k=str(at)) for at, value in enumerate((0.29, 2.2e-16, 1.1 + 2.2))]

    assert chunk_of(rows).lines["net_minor"].to_pylist() == [29, 0, 330]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 0.005])
def test_floats_that_stand_for_no_amount_are_refused(value):
    assert chunk_of([row(m=value)]).refused_receipts == 1


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2025-03-01T10:00:00Z", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("2025-03-01 10:00:00+03:00", datetime(2025, 3, 1, 7, tzinfo=UTC)),
        ("2025-03-01 10:00:00", datetime(2025, 3, 1, 7, tzinfo=UTC)),
        ("2025-03-01", datetime(2025, 2, 28, 21, tzinfo=UTC)),
    ],
)
def test_times_are_of_the_zone_that_the_mapping_names(cell, expected):
    chunk = chunk_of([row(t=cell)], time_zone="Europe/Moscow")

    assert chunk.receipts["occurred_at"].to_pylist() == [expected]


@pytest.mark.parametrize("cell", ["2025-02-30", "soon", "", "1969-01-01", "2026-01-02", "10:00"])
def test_days_that_never_were_or_are_to_come_are_refused(cell):
    assert chunk_of([row(t=cell)]).refused_receipts == 1


def test_own_time_formats_refuse_days_that_never_were():
    chunk = chunk_of([row(t="19970228"), row(t="19970231", n="B")], time_format="%Y%m%d")

    assert chunk.receipts["number"].to_pylist() == ["A"]


def test_no_pieces_are_one_piece_where_the_mapping_says_so():
    kept, refused = chunk_of([row(q="0")], zero_quantity="one"), chunk_of([row(q="0")])

    assert kept.lines["quantity_milli"].to_pylist() == [1000]
    assert [one.severity for one in kept.problems] == ["note"]
    assert refused.refused_receipts == 1


def test_fuel_counts_in_thousandths_when_a_piece_would_cost_less_than_a_cent():
    rule = {"of": "k", "starts_with": "GAS"}
    rows = [
        row(k="GAS", q="10858", m="25.30"),
        row(k="GAS", q="1", m="15.00"),
        row(k="CORN", q="144"),
    ]

    chunk = chunk_of(rows, thousandths=rule)

    assert chunk.lines["quantity_milli"].to_pylist() == [10_858, 1000, 144_000]
    assert chunk.lines["unit_price_minor"].to_pylist() == [233, 1500, 1]


def test_gross_less_discount_has_to_be_net():
    fields = {**SMALL["line"], "gross": {"add": ["m", "q"]}, "discount": "q"}

    assert chunk_of([row(q="1.00")], line=fields).lines["gross_minor"].to_pylist() == [200]
    wrong = {**fields, "discount": {"multiply": ["q", 2]}}
    assert told(chunk_of([row()], line=wrong)) == [(2, "net", "100")]


def test_lines_of_one_receipt_agree_on_what_stands_once():
    chunk = chunk_of([row(), row(t="2025-01-01 11:00:00"), row(n="B")])

    assert told(chunk)[0][:2] == (3, "occurred_at")
    assert chunk.receipts["number"].to_pylist() == ["B"]


def test_a_stated_total_has_to_be_the_sum():
    with_total = {**SMALL["receipt"], "total": "q"}
    rows = [row(q="2.00"), row(q="2.00", k="tea"), row(n="B", q="9.00")]

    chunk = chunk_of(rows, receipt=with_total)

    assert chunk.receipts["number"].to_pylist() == ["A"]
    assert told(chunk) == [(4, "total", "900")]


def test_texts_with_control_characters_or_too_long_are_refused():
    chunk = chunk_of([row(k="mi\tlk\x00"), row(n="B", k="x" * 81), row(n="C", k="\ufffd")])

    assert chunk.refused_receipts == 3


@pytest.mark.parametrize("field", ["s", "n", "t", "k", "q", "m"])
def test_what_every_line_needs_is_never_empty(field):
    chunk = chunk_of([row(**{field: " "}), row(n="B")])

    assert (chunk.refused_receipts, len(chunk.problems)) == (1, 1)


def test_a_receipt_is_never_cut_in_two():
    table = pa.table({name: pa.array([row()[at]] * 7) for at, name in enumerate("sntkqm")})
    batches = [Batch(table.slice(start, 1), pa.array([start + 2])) for start in range(7)]
    mapping = Mapping.model_validate(SMALL)

    cut = list(chunks((canonical(one, mapping, {}, NOW) for one in batches), 2))

    assert [one.lines["line_no"].to_pylist() for one in cut] == [[1, 2, 3, 4, 5, 6, 7]]
