"""Receipts and refunds, as facts: what was sold, how it was paid, what came back.

Each write is one statement, whatever the number of lines. What points had to do
with it is for ``rewards`` to know, which calls these functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from django.db import connection

from loyalty_crm.kernel.database import planned_cursor


class NewLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line to write. Amounts add up as the table's own check says."""

    line_no: int
    product_id: int | None
    sku: str
    name: str
    quantity_milli: int
    unit_price_minor: int
    gross_minor: int
    discount_minor: int
    net_minor: int
    points_paid_minor: int
    cost_minor: int | None
    tax_basis_points: int = 0
    tax_minor: int = 0


class NewTender(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    amount_minor: int


class NewReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One sale. ``content_digest`` tells a repeat from another sale under the same number."""

    store_id: int
    terminal_id: int | None
    number: str
    member_id: int | None
    card_id: int | None
    cashier: str
    currency: str
    gross_minor: int
    discount_minor: int
    points_paid_minor: int
    total_minor: int
    content_digest: bytes
    occurred_at: datetime
    business_date: date
    lines: tuple[NewLine, ...]
    tenders: tuple[NewTender, ...] = ()
    tax_minor: int = 0
    #: The part of the tax that the prices do not include.
    tax_added_minor: int = 0


class Recorded(msgspec.Struct, frozen=True):
    """The receipt's keys, and those of its lines by line number."""

    id: int
    public_id: UUID
    recorded_at: datetime
    lines: dict[int, int]


# Receipts in the order of their numbers, so that two batches queue and never embrace.
_RECORD = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS r (
        no int, store_id bigint, terminal_id bigint, number text, member_id bigint, card_id bigint,
        cashier text, currency text, gross_minor bigint, discount_minor bigint,
        points_paid_minor bigint, total_minor bigint, tax_minor bigint, tax_added_minor bigint,
        content_digest text, occurred_at timestamptz, business_date date, lines jsonb,
        tenders jsonb)
), receipt AS (
    INSERT INTO members_receipt (
        store_id, terminal_id, number, member_id, card_id, cashier, currency, gross_minor,
        discount_minor, points_paid_minor, total_minor, tax_minor, tax_added_minor,
        content_digest, occurred_at, business_date)
    SELECT store_id, terminal_id, number, member_id, card_id, cashier, currency, gross_minor,
           discount_minor, points_paid_minor, total_minor, tax_minor, tax_added_minor,
           decode(content_digest, 'base64'), occurred_at, business_date
      FROM given ORDER BY store_id, number
    ON CONFLICT (store_id, number) DO NOTHING
    RETURNING id, public_id, recorded_at, store_id, number
), written AS (
    SELECT receipt.id, public_id, recorded_at, no, lines, tenders
      FROM receipt JOIN given USING (store_id, number)
), line AS (
    INSERT INTO members_receiptline (
        receipt_id, line_no, product_id, sku, name, quantity_milli, unit_price_minor, gross_minor,
        discount_minor, net_minor, points_paid_minor, cost_minor, tax_basis_points, tax_minor)
    SELECT written.id, l.* FROM written, jsonb_to_recordset(lines) AS l (
        line_no int, product_id bigint, sku text, name text, quantity_milli bigint,
        unit_price_minor bigint, gross_minor bigint, discount_minor bigint, net_minor bigint,
        points_paid_minor bigint, cost_minor bigint, tax_basis_points int, tax_minor bigint)
    RETURNING id, line_no, receipt_id
), tender AS (
    INSERT INTO members_tender (receipt_id, kind, amount_minor)
    SELECT written.id, t.* FROM written,
        jsonb_to_recordset(tenders) AS t (kind text, amount_minor bigint)
), ids AS (
    SELECT receipt_id, json_object_agg(line_no, id)::text AS lines FROM line GROUP BY receipt_id
)
SELECT no, written.id, public_id, recorded_at, ids.lines
  FROM written JOIN ids ON ids.receipt_id = written.id
"""
_encoder = msgspec.json.Encoder()
_line_ids = msgspec.json.Decoder(dict[int, int], strict=False)


def record_purchase(receipt: NewReceipt) -> Recorded | None:
    """Write a receipt with its lines and tenders, once per store and number.

    None when the number is taken: a twin that is being written at this moment
    is waited for. Belongs inside the transaction of the sale.
    """
    return record_purchases([receipt])[0]


def record_purchases(receipts: Sequence[NewReceipt]) -> list[Recorded | None]:
    """The same for a batch, in one statement; a number must not stand in it twice."""
    rows = [{"no": no, **msgspec.structs.asdict(receipt)} for no, receipt in enumerate(receipts)]
    with planned_cursor() as cursor:
        cursor.execute(_RECORD, [_encoder.encode(rows).decode()])
        found = {
            no: Recorded(pk, public_id, recorded_at, _line_ids.decode(lines))
            for no, pk, public_id, recorded_at, lines in cursor.fetchall()
        }
    return [found.get(no) for no in range(len(receipts))]


class NewRefundLine(msgspec.Struct, frozen=True, kw_only=True):
    line_id: int
    quantity_milli: int
    net_minor: int
    points_paid_minor: int
    tax_minor: int = 0


class NewRefund(msgspec.Struct, frozen=True, kw_only=True):
    """What came back of a receipt. ``state`` is where the receipt stands after it."""

    receipt_id: int
    kind: str
    store_id: int
    number: str
    net_minor: int
    money_minor: int
    content_digest: bytes
    reason: str
    cashier: str
    occurred_at: datetime
    state: str
    lines: tuple[NewRefundLine, ...]
    tax_minor: int = 0


_REFUND = """
WITH refund AS (
    INSERT INTO members_refund (receipt_id, kind, store_id, number, net_minor, money_minor,
                                tax_minor, content_digest, reason, cashier, occurred_at)
    VALUES (%(receipt_id)s, %(kind)s, %(store_id)s, %(number)s, %(net_minor)s, %(money_minor)s,
            %(tax_minor)s, %(content_digest)s, %(reason)s, %(cashier)s, %(occurred_at)s)
    ON CONFLICT (store_id, number) DO NOTHING
    RETURNING id, public_id, recorded_at
), given AS (
    SELECT refund.id AS refund_id, l.* FROM refund, jsonb_to_recordset(%(lines)s::jsonb) AS l (
        line_id bigint, quantity_milli bigint, net_minor bigint, points_paid_minor bigint,
        tax_minor bigint)
), line AS (
    INSERT INTO members_refundline
        (refund_id, line_id, quantity_milli, net_minor, points_paid_minor, tax_minor)
    SELECT * FROM given
), counted AS (
    UPDATE members_receiptline r
       SET refunded_quantity_milli = r.refunded_quantity_milli + given.quantity_milli,
           refunded_minor = r.refunded_minor + given.net_minor
      FROM given WHERE r.id = given.line_id
), moved AS (
    UPDATE members_receipt SET state = %(state)s
     WHERE id = %(receipt_id)s AND EXISTS (SELECT FROM refund)
)
SELECT id, public_id, recorded_at FROM refund
"""


class RecordedRefund(msgspec.Struct, frozen=True):
    id: int
    public_id: UUID
    recorded_at: datetime


def record_refund(refund: NewRefund) -> RecordedRefund | None:
    """Write a refund and count it on the lines it names, once per store and number.

    None when the number is taken. Hold the receipt's row (``lock_receipt``): the
    database refuses a line that came back more often than it was sold.
    """
    values = {
        **{name: getattr(refund, name) for name in refund.__struct_fields__},
        "lines": _encoder.encode(refund.lines).decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_REFUND, values)
        row = cursor.fetchone()
    return RecordedRefund(*row) if row else None


_LOCK = "SELECT id FROM members_receipt WHERE public_id = %s FOR NO KEY UPDATE"


def lock_receipt(public_id: UUID) -> int | None:
    """Hold a receipt until the transaction ends, so that its returns come one after another."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [public_id])
        row = cursor.fetchone()
    return row[0] if row else None
