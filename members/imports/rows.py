"""From rows of somebody's file to receipts with lines, still in columns.

Rows that follow each other and name the same store and number are one receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Named
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext_lazy as _

from members.imports.columns import nowhere, sure, whole
from members.imports.expressions import LookupTable, as_text, evaluate
from members.imports.mapping import Mapping
from members.imports.problems import Problem
from members.imports.readers import Batch
from members.imports.values import Values

MOST_LINES = 5000
THOUSAND = 1000


@dataclass
class Rows:
    """Canonical rows: one a line of a receipt, with the receipt's fields on each of them."""

    table: pa.Table
    problems: list[Problem] = field(default_factory=list)


def canonical(
    batch: Batch, mapping: Mapping, tables: Named[str, LookupTable], latest: datetime
) -> Rows:
    """The mapping applied to a batch. Spoilt rows stay in, marked: they spoil their receipt."""
    values = Values(batch, mapping, tables)
    fields = receipt_columns(values, latest) | line_columns(values)
    fields["spoilt"] = values.spoilt
    fields["line"] = batch.lines
    return Rows(pa.table(fields), values.problems)


def receipt_columns(values: Values, latest: datetime) -> dict[str, pa.Array]:
    at = values.mapping.receipt
    return {
        "store": values.text("store", at.store, 40, required=True),
        "number": values.text("number", at.number, 80, required=True),
        "occurred_at": values.instant("occurred_at", at.occurred_at, latest),
        "member": values.text("member", at.member, 254),
        "card": values.text("card", at.card, 32),
        "terminal": values.text("terminal", at.terminal, 40),
        "cashier": values.text("cashier", at.cashier, 80),
        "tender": values.text("tender", at.tender, 20),
        "total": values.money("total", at.total),
    }


def line_columns(values: Values) -> dict[str, pa.Array]:
    at = values.mapping.line
    sku = values.text("sku", at.sku, 80, required=True)
    name = values.text("name", at.name, 300)
    quantity = values.quantity(at.quantity)
    gross, discount, net = money_columns(values, quantity)
    quantity = pieces(values, quantity, gross)
    price = values.money("unit_price", at.unit_price)
    return {
        "sku": sku,
        "name": pc.fill_null(name, ""),
        "quantity_milli": quantity,
        "unit_price_minor": pc.coalesce(price, price_of_one(gross, quantity)),
        "gross_minor": gross,
        "discount_minor": discount,
        "net_minor": net,
        "coupon_minor": pc.fill_null(values.money("coupon", at.coupon), 0),
    }


def money_columns(values: Values, quantity: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Gross, discount and net: what is not given follows; what is given has to add up."""
    at = values.mapping.line
    gross, net = values.money("gross", at.gross), values.money("net", at.net)
    given = values.money("discount", at.discount)
    discount = (
        pc.fill_null(given, 0)
        if at.discount or not (at.gross and at.net)
        else pc.subtract(gross, net)
    )
    if not at.gross and not at.net:
        gross = times(values.money("unit_price", at.unit_price), quantity)
    elif not at.gross:
        gross = pc.add(net, discount)
    if not at.net:
        net = pc.subtract(gross, discount)
    refuse_missing(values, gross, net)
    wrong = pc.or_(pc.not_equal(net, pc.subtract(gross, discount)), pc.less(net, 0))
    wrong = pc.or_(wrong, pc.less(discount, 0))
    values.refuse("net", sure(wrong), net, _("gross less discount, and not below zero"))
    return gross, discount, net


def refuse_missing(values: Values, gross: pa.Array, net: pa.Array) -> None:
    empty = pc.or_(pc.is_null(gross), pc.is_null(net))
    untold = pc.and_(empty, pc.invert(values.spoilt))
    values.refuse("gross", untold, gross, _("a value: this field is never empty"))


def times(price: pa.Array, quantity: pa.Array) -> pa.Array:
    """Price by thousandths, half a minor unit rounded up: bounded, so that it can't overflow."""
    exact = pc.multiply(price.cast(pa.decimal128(18, 0)), quantity.cast(pa.decimal128(18, 0)))
    return pc.round(
        pc.divide(exact.cast(pa.float64()), float(THOUSAND)), round_mode="half_up"
    ).cast(pa.int64())


def price_of_one(gross: pa.Array, quantity: pa.Array) -> pa.Array:
    """The price on the shelf, for people to read: what counts is the line's gross."""
    price = pc.divide(
        pc.multiply(gross.cast(pa.float64()), float(THOUSAND)), quantity.cast(pa.float64())
    )
    finite = pc.if_else(pc.is_finite(price), price, 0.0)
    return pc.round(finite, round_mode="half_up").cast(pa.int64())


def pieces(values: Values, quantity: pa.Array, gross: pa.Array) -> pa.Array:
    """Thousandths where the mapping says so, and lines that count no pieces."""
    quantity = in_thousandths(values, quantity, gross)
    none = sure(pc.equal(quantity, 0))
    if values.mapping.zero_quantity == "refuse":
        values.refuse("quantity", none, quantity, _("a quantity above zero"))
        return quantity
    values.note("quantity", none, quantity, _("above zero; taken as one piece"))
    return pc.if_else(none, THOUSAND, quantity)


def in_thousandths(values: Values, quantity: pa.Array, gross: pa.Array) -> pa.Array:
    fuel = values.mapping.thousandths
    if fuel is None:
        return quantity
    kind = pc.fill_null(as_text(evaluate(fuel.of, values.scope)), "")
    # A thousandth of a unit costs less than the smallest coin; a piece never does.
    cheap = pc.less(pc.multiply(gross, THOUSAND), quantity)
    here = sure(pc.and_(pc.starts_with(kind, pattern=fuel.starts_with), cheap))
    return pc.if_else(here, pc.divide(quantity, THOUSAND), quantity)


@dataclass
class Chunk:
    """Whole receipts: their lines, numbered, and one row a receipt."""

    lines: pa.Table
    receipts: pa.Table
    last_line: int
    problems: list[Problem]
    refused_lines: int = 0
    refused_receipts: int = 0


def chunks(batches: Iterable[Rows], size: int) -> Iterator[Chunk]:
    """Cut the stream into chunks of about ``size`` lines, never through a receipt."""
    kept: list[Rows] = []
    count = 0
    for rows in batches:
        kept.append(rows)
        count += rows.table.num_rows
        if count < size:
            continue
        table, problems = joined(kept)
        cut = start_of_last_receipt(table)
        if cut:
            rest = table.slice(cut)
            last = table["line"][cut - 1].as_py()
            told = [one for one in problems if one.line <= last]
            yield chunk(table.slice(0, cut), told)
            kept = [Rows(rest, [one for one in problems if one.line > last])]
            count = rest.num_rows
    table, problems = joined(kept)
    if table is not None and (table.num_rows or problems):
        yield chunk(table, problems)


def joined(kept: list[Rows]) -> tuple[pa.Table, list[Problem]]:
    if not kept:
        return None, []
    table = pa.concat_tables([rows.table for rows in kept]).combine_chunks()
    return table, [problem for rows in kept for problem in rows.problems]


def changes(table: pa.Table) -> pa.Array:
    """True where a row belongs to another receipt than the row before it."""
    differs = nowhere(max(table.num_rows - 1, 0))
    for name in ("store", "number"):
        texts = pc.fill_null(table[name].combine_chunks(), "")
        differs = pc.or_(differs, pc.not_equal(texts[1:], texts[:-1]))
    first = pa.array([True] if table.num_rows else [], pa.bool_())
    return pa.concat_arrays([first, differs])


def start_of_last_receipt(table: pa.Table) -> int:
    """Where the receipt begins that may go on in the next batch; a hopeless one is cut."""
    starts = pc.indices_nonzero(changes(table))
    last: int = starts[len(starts) - 1].as_py()
    return last if table.num_rows - last <= MOST_LINES else table.num_rows


def chunk(table: pa.Table, problems: list[Problem]) -> Chunk:
    """Number receipts and lines, and leave out the receipts that have a spoilt line."""
    problems = list(problems)
    new = changes(table)
    ordinal = (
        pc.cumulative_sum(new.cast(pa.int64())) if table.num_rows else pa.array([], pa.int64())
    )
    starts = pc.indices_nonzero(new)
    first = starts.take(pc.subtract(ordinal, 1)) if table.num_rows else starts
    at = pa.array(range(table.num_rows), pa.int64())
    table = table.append_column("receipt", ordinal).append_column(
        "line_no", pc.add(pc.subtract(at, first.cast(pa.int64())), 1)
    )
    disagreeing = disagreements(table, first, problems)
    return split(table, starts, disagreeing, problems)


def disagreements(table: pa.Table, first: pa.Array, problems: list[Problem]) -> pa.Array:
    """Lines that tell another story of their receipt than its first line, or are too many."""
    wrong = pc.greater(table["line_no"].combine_chunks(), MOST_LINES)
    for name in ("occurred_at", "member", "card", "terminal", "cashier", "tender", "total"):
        column = table[name].combine_chunks()
        of_first = column.take(first)
        same = sure(pc.equal(column, of_first))
        both_empty = pc.and_(pc.is_null(column), pc.is_null(of_first))
        differs = pc.invert(pc.or_(same, both_empty))
        expected = _("the same on all lines of a receipt")
        problems += told(table, differs, name, expected)
        wrong = pc.or_(wrong, differs)
    wrong = pc.or_(wrong, wrong_totals(table, problems))
    return pc.or_(wrong, table["spoilt"].combine_chunks())


def wrong_totals(table: pa.Table, problems: list[Problem]) -> pa.Array:
    """First lines of receipts whose lines do not add up to the total that the file states."""
    sums = sums_of(table, ("net_minor",))
    where = pc.index_in(table["receipt"].combine_chunks(), value_set=whole(sums["receipt"]))
    differs = pc.not_equal(
        table["total"].combine_chunks(), whole(sums["net_minor_sum"]).take(where)
    )
    differs = pc.and_(sure(differs), pc.equal(table["line_no"].combine_chunks(), 1))
    problems += told(table, differs, "total", _("the sum of what the lines cost"))
    return differs


def sums_of(table: pa.Table, names: tuple[str, ...]) -> pa.Table:
    grouped = pa.TableGroupBy(table, "receipt", use_threads=False)
    return grouped.aggregate([(name, "sum") for name in names])


def told(table: pa.Table, where: pa.Array, name: str, expected: object) -> list[Problem]:
    if not pc.any(where).as_py():
        return []
    chosen = table.filter(where)
    values = chosen[name].cast(pa.string()).to_pylist()
    return [
        Problem(line, name, value or "", str(expected))
        for line, value in zip(chosen["line"].to_pylist(), values, strict=True)
    ]


def split(table: pa.Table, starts: pa.Array, wrong: pa.Array, problems: list[Problem]) -> Chunk:
    last = (
        table["line"][table.num_rows - 1].as_py()
        if table.num_rows
        else max((one.line for one in problems), default=0)
    )
    bad = pc.unique(table["receipt"].filter(wrong))
    out = pc.is_in(table["receipt"].combine_chunks(), value_set=whole(bad))
    lines, heads = table.filter(pc.invert(out)), table.take(starts)
    good = heads.filter(pc.invert(pc.is_in(heads["receipt"], value_set=whole(bad))))
    return Chunk(
        lines=lines,
        receipts=with_totals(good, lines, problems),
        last_line=last,
        problems=problems,
        refused_lines=table.num_rows - lines.num_rows,
        refused_receipts=len(bad),
    )


def with_totals(heads: pa.Table, lines: pa.Table, problems: list[Problem]) -> pa.Table:
    """One row a receipt, with the sums of its lines."""
    names = ("gross_minor", "discount_minor", "net_minor", "coupon_minor")
    sums = sums_of(lines, names)
    heads = heads.drop_columns(
        [*names, "sku", "name", "quantity_milli", "unit_price_minor", "line_no", "spoilt"]
    )
    where = pc.index_in(whole(heads["receipt"]), value_set=whole(sums["receipt"]))
    for name in names:
        heads = heads.append_column(name, whole(sums[f"{name}_sum"]).take(where))
    return heads
