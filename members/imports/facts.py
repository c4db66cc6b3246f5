"""Receipts of a chunk into the live tables: compared, completed, written, set by set.

Called inside the transaction of the chunk. A receipt that is there already is
left alone; one that differs from what is there is told of and left alone too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.imports import statements as sql
from members.imports.catalogue import Catalogue
from members.imports.columns import whole
from members.imports.mapping import Mapping
from members.imports.problems import Problem
from members.imports.rows import Chunk
from members.imports.staging import fetch, fresh_ids, run, stage


class NewReceipt(NamedTuple):
    """A receipt that this chunk has written."""

    id: int
    line: int
    store: str
    number: str
    occurred_at: datetime
    member_id: int | None


@dataclass
class Written:
    """What a chunk did to the facts. ``new`` are the receipts that points may be due for."""

    new: list[NewReceipt] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    lines: pa.Table | None = None


def write_facts(chunk: Chunk, mapping: Mapping, catalogue: Catalogue, shift: timedelta) -> Written:
    """Bring the receipts of a chunk into the tables; call it inside the chunk's transaction."""
    receipts, lines = keyed(chunk)
    stage(receipts, lines)
    run(sql.STORES)
    run(sql.DIGESTS, [shift])
    run(sql.COMPARE)
    run(sql.REPEATED)
    recognise(mapping)
    written = Written(lines=lines)
    written.counts |= complete(mapping, catalogue, written.problems)
    for statement, params in (
        (sql.ADD_RECEIPTS, [mapping.currency]),
        (sql.ADD_LINES, None),
        (sql.ADD_TENDERS, None),
    ):
        run(statement, params)
    report(chunk, written)
    written.new = [NewReceipt(*row) for row in fetch(sql.NEW_RECEIPTS)]
    return written


def keyed(chunk: Chunk) -> tuple[pa.Table, pa.Table]:
    """Receipts and lines with the keys that they will have in the tables."""
    receipts = chunk.receipts.append_column(
        "id", fresh_ids("members_receipt_id_seq", chunk.receipts.num_rows)
    )
    where = pc.index_in(whole(chunk.lines["receipt"]), value_set=whole(receipts["receipt"]))
    lines = chunk.lines.append_column("receipt_id", whole(receipts["id"]).take(where))
    lines = lines.append_column("id", fresh_ids("members_receiptline_id_seq", lines.num_rows))
    return receipts, lines


def recognise(mapping: Mapping) -> None:
    run(sql.MEMBERS, [mapping.name])
    run(sql.CARDS)
    run(sql.TERMINALS)


def complete(mapping: Mapping, catalogue: Catalogue, problems: list[Problem]) -> dict[str, int]:
    """Create what the file names and nobody knows yet, or refuse the receipts that name it."""
    made = {}
    if mapping.unknown_stores == "create":
        made["stores"] = add_stores(mapping)
        run(sql.ADD_TERMINALS)
        run(sql.TERMINALS)
    refuse(("store", "terminal", "card"), problems)
    if mapping.unknown_products == "refuse":
        refuse(("sku",), problems)
    if mapping.unknown_members == "refuse":
        refuse(("member",), problems)
    made["products"] = catalogue.add(fetch(sql.UNKNOWN["sku"]))
    made["members"] = add_members(mapping)
    return made


def refuse(fields: tuple[str, ...], problems: list[Problem]) -> None:
    for name in fields:
        problems += [
            Problem(line, name, value, sql.EXPECTED[name])
            for line, value in fetch(sql.REFUSE[name])
        ]


def add_stores(mapping: Mapping) -> int:
    codes = [code for (code,) in fetch(sql.UNKNOWN["store"])]
    if not codes:
        return 0
    at = mapping.stores
    added = run(sql.ADD_STORES, {"name": at.name, "zone": at.time_zone, "codes": codes})
    run(sql.STORES)
    return added


def add_members(mapping: Mapping) -> int:
    """People known by the file's own number alone; they joined with their first receipt."""
    unknown = fetch(sql.UNKNOWN["member"])
    if not unknown:
        return 0
    keys = fresh_ids("members_member_id_seq", len(unknown)).to_pylist()
    run(
        sql.ADD_MEMBERS,
        {
            "ids": keys,
            "keys": [uuid7() for _key in keys],
            "system": mapping.name,
            "values": [value for value, _since in unknown],
            "since": [since for _value, since in unknown],
        },
    )
    run(sql.MEMBERS, [mapping.name])
    return len(unknown)


def report(chunk: Chunk, written: Written) -> None:
    texts = {
        "differs": _("a receipt that is not recorded yet: this one is, with another content"),
        "repeated": _(
            "the lines of a receipt one after the other: these stand apart from the others"
        ),
    }
    written.problems += [
        Problem(line, "number", number, texts[state]) for state, line, number in fetch(sql.REPORT)
    ]
    for state, receipts, net, lines in fetch(sql.COUNTS):
        outcome = {"new": "new", "same": "same", "differs": "differing"}.get(state, "refused")
        for noun, count in (("receipts", receipts), ("lines", lines), ("net_minor", net)):
            key = f"{outcome}_{noun}"
            written.counts[key] = written.counts.get(key, 0) + count
    for noun, count in (("receipts", chunk.refused_receipts), ("lines", chunk.refused_lines)):
        written.counts[f"refused_{noun}"] = written.counts.get(f"refused_{noun}", 0) + count
