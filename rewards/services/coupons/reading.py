"""Codes as they are shown, read with everything that decides whether they hold."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import connection

from rewards.rules.codes import clean_code
from rewards.rules.coupons import ShownCoupon
from rewards.services.coupons.tallies import holder_of

#: One value: a JSON list of ``ShownCoupon``, null when no code was shown. Every code is one
#: look-up in the index of codes. {hold} names the reservation made for this sale.
COUPONS = """
CASE WHEN cardinality({coupons}::text[]) > 0 THEN (
    SELECT json_agg(json_build_object(
        'id', c.id, 'code', c.code, 'promotion', p.code, 'batch_id', b.id,
        'batch_state', b.state, 'is_revoked', c.revoked_at IS NOT NULL,
        'owner', CASE WHEN c.member_id IS NULL THEN 'nobody'
                      WHEN c.member_id = {member_id} THEN 'buyer' ELSE 'other' END,
        'max_uses', c.max_uses, 'uses', c.uses, 'held', c.held,
        'uses_per_member', b.uses_per_member,
        'by_member', coalesce((SELECT t.uses + t.held FROM rewards_coupontally t
                                WHERE t.batch_id = b.id AND t.member_id = HOLDER), 0),
        'valid_from', b.valid_from, 'valid_until', least(c.valid_until, b.valid_until),
        'stores', b.stores,
        'reserved', (SELECT u.id FROM rewards_couponuse u
                      WHERE u.source = 'hold' AND u.source_ref = ({hold}::uuid)::text
                        AND u.act = 'reserved' AND u.coupon_id = c.id
                        AND NOT EXISTS (SELECT FROM rewards_couponuse e WHERE e.of_id = u.id))))
      FROM rewards_coupon c
      JOIN rewards_couponbatch b ON b.id = c.batch_id
      JOIN rewards_promotion p ON p.id = b.promotion_id
     WHERE c.code = ANY({coupons}::text[])) END
""".replace("HOLDER", holder_of("b.id", "{member_id}"))
_ONE = (
    "SELECT ("
    + COUPONS.format(coupons="%(coupons)s", member_id="%(member)s::bigint", hold="%(hold)s")
    + ")::text"
)
_decoder = msgspec.json.Decoder(list[ShownCoupon] | None)


def read_coupon(code: str, *, member_id: int | None, hold: str | None = None) -> ShownCoupon | None:
    """One query; None for what nobody ever issued."""
    values: dict[str, Any] = {"coupons": [clean_code(code)], "member": member_id, "hold": hold}
    with connection.cursor() as cursor:
        cursor.execute(_ONE, values)
        (found,) = cursor.fetchone()
    shown = _decoder.decode(found) if found else None
    return shown[0] if shown else None
