"""Claiming uses of coupons, and giving them back: one statement each, decided by its row count.

The condition and the count are one UPDATE, so of any number of tills at the last
use one gets it. Every move writes its row of history in the same statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from rewards.models import CouponUse
from rewards.services.coupons.tallies import holder_of

Act = CouponUse.Act

# ``uses`` and ``held`` are the steps: a use (1, 0), a reservation (0, 1), the use of what was
# reserved (1, -1). The member's tally is kept where the batch bounds it.
_CLAIM = """
WITH asked AS (
    SELECT c.id, c.batch_id, c.max_uses, b.uses_per_member AS most,
           coalesce({holder}, %(member)s::bigint) AS holder
      FROM rewards_coupon c JOIN rewards_couponbatch b ON b.id = c.batch_id
     WHERE c.id = %(coupon)s
), counted AS (
    UPDATE rewards_coupon c SET held = c.held + %(held)s,
           uses = c.uses + CASE WHEN c.max_uses IS NULL THEN 0 ELSE %(uses)s END
     WHERE c.id = %(coupon)s AND c.revoked_at IS NULL
       AND (c.max_uses IS NOT NULL OR %(held)s <> 0)
       AND (c.max_uses IS NULL OR c.uses + c.held + %(uses)s + %(held)s <= c.max_uses)
    RETURNING c.id
), tallied AS (
    INSERT INTO rewards_coupontally AS t (batch_id, member_id, uses, held)
    SELECT batch_id, holder, greatest(%(uses)s, 0), greatest(%(held)s, 0) FROM asked
     WHERE most IS NOT NULL
    ON CONFLICT (batch_id, member_id) DO UPDATE
       SET uses = t.uses + %(uses)s, held = t.held + %(held)s
     WHERE t.uses + t.held + %(uses)s + %(held)s <= (SELECT most FROM asked)
    RETURNING t.id
), used AS (
    INSERT INTO rewards_couponuse (coupon_id, act, of_id, member_id, receipt_id, is_tallied,
        source, source_ref, expires_at, actor, occurred_at)
    SELECT id, %(act)s, %(of)s, CASE WHEN most IS NULL THEN %(member)s ELSE holder END,
           %(receipt)s, most IS NOT NULL,
           %(source)s, %(source_ref)s, %(expires_at)s, %(actor)s, %(occurred_at)s
      FROM asked
     WHERE ((max_uses IS NULL AND %(held)s = 0) OR EXISTS (SELECT FROM counted))
       AND (most IS NULL OR EXISTS (SELECT FROM tallied))
    RETURNING *
), announced AS (
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
    SELECT 'coupon.' || act, 'coupon', coupon_id, jsonb_build_object(
               'use', public_id, 'source', source, 'source_ref', source_ref) FROM used
)
SELECT id FROM used
""".replace("{holder}", holder_of("c.batch_id", "%(member)s::bigint"))
# What was reserved or used is free again, once: the row of its end is unique.
_GIVE_BACK = """
WITH RECURSIVE used AS (
    SELECT u.*, c.batch_id FROM rewards_couponuse u JOIN rewards_coupon c ON c.id = u.coupon_id
     WHERE u.id = %(use)s
), ended AS (
    INSERT INTO rewards_couponuse (coupon_id, act, of_id, member_id, receipt_id, is_tallied,
        source, source_ref, actor, occurred_at)
    SELECT coupon_id, %(act)s, id, member_id, receipt_id, is_tallied,
           %(source)s, %(source_ref)s, %(actor)s, %(occurred_at)s FROM used
    ON CONFLICT DO NOTHING RETURNING *
), announced AS (
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
    SELECT 'coupon.' || act, 'coupon', coupon_id, jsonb_build_object(
               'use', public_id, 'source', source, 'source_ref', source_ref) FROM ended
), freed AS (
    UPDATE rewards_coupon c SET held = c.held - %(held)s,
           uses = c.uses - CASE WHEN c.max_uses IS NULL THEN 0 ELSE %(uses)s END
      FROM used, ended
     WHERE c.id = used.coupon_id AND (c.max_uses IS NOT NULL OR %(held)s <> 0)
), chain AS (
    SELECT t.id, t.moved_to_id FROM used JOIN rewards_coupontally t
        ON t.batch_id = used.batch_id AND t.member_id = used.member_id AND used.is_tallied
    UNION ALL
    SELECT t.id, t.moved_to_id FROM chain JOIN rewards_coupontally t ON t.id = chain.moved_to_id
), tallied AS (
    UPDATE rewards_coupontally t SET uses = t.uses - %(uses)s, held = t.held - %(held)s
      FROM chain, ended WHERE t.id = chain.id
)
SELECT id FROM ended
"""
_STEPS = {
    Act.REDEEMED: {"uses": 1, "held": 0},
    Act.RESERVED: {"uses": 0, "held": 1},
    Act.RELEASED: {"uses": 0, "held": 1},
    Act.ROLLED_BACK: {"uses": 1, "held": 0},
}


@dataclass(frozen=True, slots=True)
class Cause:
    """What a use is for: whose document, its number, and when that was."""

    source: str
    source_ref: str
    occurred_at: datetime
    actor: str


def claim(
    coupon_id: int,
    act: Act,
    cause: Cause,
    *,
    member_id: int | None,
    receipt_id: int | None = None,
    reserved: int | None = None,
    expires_at: datetime | None = None,
) -> int | None:
    """Use or reserve a coupon; the row of history, or None when nothing is left of it.

    ``reserved`` is the reservation that this use ends. Belongs inside a
    transaction that ends without a trace on None; locks the coupon's row when its
    uses are counted, then the member's tally. Claim several by ascending id.
    """
    values = {
        **_values(act, cause),
        "coupon": coupon_id,
        "of": reserved,
        "member": member_id,
        "receipt": receipt_id,
        "expires_at": expires_at,
    }
    if reserved is not None:
        values["held"] = -1
    return _one(_CLAIM, values)


def give_back(use_id: int, act: Act, cause: Cause) -> int | None:
    """End a reservation or roll a use back; None when that was done already."""
    return _one(_GIVE_BACK, {**_values(act, cause), "use": use_id})


def _values(act: Act, cause: Cause) -> dict[str, Any]:
    return {
        "act": act.value,
        "source": cause.source,
        "source_ref": cause.source_ref,
        "actor": cause.actor,
        "occurred_at": cause.occurred_at,
        **_STEPS[act],
    }


def _one(statement: str, values: dict[str, Any]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return row[0] if row else None
