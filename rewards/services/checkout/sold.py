"""A sale as returns see it: what is left of each line, and what each rule granted for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from rewards.rules import definitions
from rewards.rules.answers import Pin
from rewards.rules.definitions import Definition
from rewards.rules.returns import SoldLine, TakenBack
from rewards.rules.terms import Terms
from rewards.services.awards import LostAward

# Read after the receipt's row is held: nobody else can change what it says until we end.
_SOLD = """
SELECT json_build_object(
    'id', r.id, 'number', r.number, 'store', s.code, 'store_id', s.id, 'time_zone', s.time_zone,
    'state', r.state, 'currency', r.currency, 'business_date', r.business_date,
    'wallet_id', p.wallet_id, 'tx_id', p.tx_id, 'redeem_tx_id', p.redeem_tx_id,
    'pending_id', p.pending_id, 'earned', p.earned, 'redeemed', p.redeemed,
    'taken_back', p.clawed_back, 'lots_expire_at', p.lots_expire_at, 'terms', p.terms,
    'lines', (SELECT json_agg(json_build_object(
                  'id', l.id, 'line_no', l.line_no, 'sku', l.sku,
                  'quantity_milli', l.quantity_milli, 'net_minor', l.net_minor,
                  'points_paid_minor', l.points_paid_minor, 'tax_minor', l.tax_minor,
                  'returned_quantity_milli', l.refunded_quantity_milli,
                  'returned_minor', l.refunded_minor,
                  'returned_paid_minor', (SELECT coalesce(sum(b.points_paid_minor), 0)
                                            FROM members_refundline b WHERE b.line_id = l.id)
              ) ORDER BY l.line_no)
                FROM members_receiptline l WHERE l.receipt_id = r.id),
    'awards', (SELECT coalesce(json_agg(json_build_object(
                   'id', a.id, 'version_id', a.version_id, 'effect', a.effect,
                   'member_id', a.member_id, 'kind', a.kind, 'code', a.code,
                   'amount', a.amount, 'taken_back', a.taken_back) ORDER BY a.id), '[]')
                 FROM rewards_award a WHERE a.purchase_id = r.id),
    'pins', p.pins, 'has_coupons', p.coupons <> '[]',
    'has_gift_payments', EXISTS (SELECT FROM rewards_giftcardpayment g WHERE g.receipt_id = r.id),
    'has_limits', EXISTS (SELECT FROM rewards_limituse u WHERE u.receipt_id = r.id),
    'definitions', (SELECT json_object_agg(v.id, v.definition) FROM rewards_promotionversion v
                     WHERE v.id IN (SELECT (pin->>'version_id')::bigint
                                      FROM jsonb_array_elements(p.pins) AS pin)),
    'known', (SELECT json_build_object('id', b.id, 'receipt_id', b.receipt_id,
                                       'digest', encode(b.content_digest, 'hex'))
                FROM members_refund b JOIN members_store bs ON bs.id = b.store_id
               WHERE bs.code = coalesce(nullif(%(store)s, ''), s.code) AND b.number = %(number)s),
    'back_at', (SELECT json_build_object('id', id, 'code', code, 'time_zone', time_zone)
                  FROM members_store WHERE code = coalesce(nullif(%(store)s, ''), s.code)),
    'has_returns', EXISTS (SELECT FROM members_refund b WHERE b.receipt_id = r.id)
)::text
  FROM members_receipt r
  JOIN members_store s ON s.id = r.store_id
  JOIN rewards_purchase p ON p.receipt_id = r.id
 WHERE r.id = %(receipt)s
"""


class LineRow(msgspec.Struct, frozen=True):
    id: int
    line_no: int
    sku: str
    quantity_milli: int
    net_minor: int
    points_paid_minor: int
    tax_minor: int
    returned_quantity_milli: int
    returned_minor: int
    returned_paid_minor: int

    def sold(self) -> SoldLine:
        fields = {name: getattr(self, name) for name in SoldLine.__struct_fields__}
        return SoldLine(**fields)


class KnownRefund(msgspec.Struct, frozen=True):
    id: int
    receipt_id: int
    digest: str


class BackAt(msgspec.Struct, frozen=True):
    """The store where the goods come back: the selling one unless another is named."""

    id: int
    code: str
    time_zone: str


class Sold(msgspec.Struct, frozen=True):
    """One sale under our lock."""

    id: int
    number: str
    store: str
    store_id: int
    time_zone: str
    state: str
    currency: str
    business_date: date
    wallet_id: int | None
    tx_id: int | None
    redeem_tx_id: int | None
    pending_id: int | None
    earned: int
    redeemed: int
    taken_back: int
    lots_expire_at: datetime | None
    terms: Terms
    lines: list[LineRow]
    awards: list[LostAward]
    pins: list[Pin]
    definitions: dict[int, dict[str, Any]] | None
    known: KnownRefund | None
    back_at: BackAt | None
    has_returns: bool
    has_coupons: bool
    has_limits: bool
    has_gift_payments: bool

    def sold_lines(self) -> list[SoldLine]:
        return [line.sold() for line in self.lines]

    def lost_awards(self, taken: Sequence[TakenBack]) -> list[LostAward]:
        """The recorded awards, each with what the return takes back of it."""
        lost = {(one.version_id, one.effect): one.awards for one in taken if one.awards}
        return [
            msgspec.structs.replace(one, lost=lost[one.version_id, one.effect])
            for one in self.awards
            if (one.version_id, one.effect) in lost
        ]

    def wordings(self) -> dict[int, Definition]:
        """What the rule versions of this sale said then."""
        raw = self.definitions or {}
        return {version: definitions.parse(said) for version, said in raw.items()}


_decoder = msgspec.json.Decoder(Sold, strict=False)


def read_sold(receipt_id: int, *, store: str, number: str) -> Sold:
    """One query. ``store`` and ``number`` are of the return document, to know a repeat by."""
    values: dict[str, Any] = {"receipt": receipt_id, "store": store, "number": number}
    with connection.cursor() as cursor:
        cursor.execute(_SOLD, values)
        return _decoder.decode(cursor.fetchone()[0])


_FIND = """
SELECT r.public_id FROM members_receipt r JOIN members_store s ON s.id = r.store_id
 WHERE s.code = %s AND r.number = %s
"""


def find_sale(store: str, number: str) -> UUID | None:
    """The id of a sale by what is printed on its receipt."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [store, number])
        row = cursor.fetchone()
    return row[0] if row else None
