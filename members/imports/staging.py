"""A chunk on its way into the tables: copied beside them, compared with what they hold.

The staging tables live for one transaction, so nothing of a chunk outlives a
crash, and a pooled connection carries nothing over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
from django.db import connection

TABLES = """
DROP TABLE IF EXISTS pg_temp.import_receipt, pg_temp.import_line;
CREATE TEMP TABLE import_receipt (
    id bigint NOT NULL, line bigint NOT NULL, store text NOT NULL, number text NOT NULL,
    occurred_at timestamptz NOT NULL, member text, card text, terminal text, cashier text,
    tender text,
    gross_minor bigint NOT NULL, discount_minor bigint NOT NULL, net_minor bigint NOT NULL,
    coupon_minor bigint NOT NULL,
    state text NOT NULL DEFAULT 'new', store_id bigint, terminal_id bigint, member_id bigint,
    card_id bigint, digest bytea
) ON COMMIT DROP;
CREATE TEMP TABLE import_line (
    id bigint NOT NULL, receipt_id bigint NOT NULL, line_no int NOT NULL, line bigint NOT NULL,
    sku text NOT NULL, name text NOT NULL, quantity_milli bigint NOT NULL,
    unit_price_minor bigint NOT NULL, gross_minor bigint NOT NULL,
    discount_minor bigint NOT NULL, net_minor bigint NOT NULL
) ON COMMIT DROP;
"""
RECEIPT_COLUMNS = (
    "id",
    "line",
    "store",
    "number",
    "occurred_at",
    "member",
    "card",
    "terminal",
    "cashier",
    "tender",
    "gross_minor",
    "discount_minor",
    "net_minor",
    "coupon_minor",
)
LINE_COLUMNS = (
    "id",
    "receipt_id",
    "line_no",
    "line",
    "sku",
    "name",
    "quantity_milli",
    "unit_price_minor",
    "gross_minor",
    "discount_minor",
    "net_minor",
)
IDS = "SELECT nextval(%s::regclass) FROM generate_series(1, %s)"


def stage(receipts: pa.Table, lines: pa.Table) -> None:
    """Make the staging tables of this transaction anew and fill them."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
    copy_in("import_receipt", RECEIPT_COLUMNS, receipts)
    copy_in("import_line", LINE_COLUMNS, lines)
    with connection.cursor() as cursor:
        # A fresh table has no statistics, and the plans below would guess a thousand rows. A
        # small sample is enough to know better.
        cursor.execute(
            "SET LOCAL default_statistics_target = 5;"
            "ANALYZE import_receipt; ANALYZE import_line (receipt_id, sku)"
        )


def copy_in(table: str, columns: Sequence[str], rows: pa.Table) -> None:
    """COPY a table of columns; the rows are rendered by the columnar library, not one by one."""
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(rows.select(list(columns)), sink, pa_csv.WriteOptions(include_header=False))
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(sink.getvalue())


def fresh_ids(sequence: str, count: int) -> pa.Array:
    """Keys taken ahead, so that rows that point at each other can be written side by side."""
    with connection.cursor() as cursor:
        cursor.execute(IDS, [sequence, count])
        return pa.array([key for (key,) in cursor.fetchall()], pa.int64())


def run(statement: str, params: Any = None) -> int:
    """Execute and return how many rows were touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def fetch(statement: str, params: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
