"""The proof of coupons' counters: each is what the history of uses says."""

# ruff: noqa: S608 - the statements are put together from constants of this file alone

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

SAMPLE = 1000

_OPEN = """
    SELECT u.coupon_id, c.batch_id, u.member_id, u.is_tallied,
           count(*) FILTER (WHERE u.act = 'redeemed') AS uses,
           count(*) FILTER (WHERE u.act = 'reserved') AS held
      FROM rewards_couponuse u JOIN rewards_coupon c ON c.id = u.coupon_id
     WHERE u.act IN ('redeemed', 'reserved')
       AND NOT EXISTS (SELECT FROM rewards_couponuse e WHERE e.of_id = u.id)
     GROUP BY u.coupon_id, c.batch_id, u.member_id, u.is_tallied
"""
_OF_CODE = f"SELECT coupon_id, sum(uses) AS uses, sum(held) AS held FROM ({_OPEN}) o GROUP BY 1"
_OF_MEMBER = f"""
    SELECT batch_id, member_id, sum(uses) AS uses, sum(held) AS held
      FROM ({_OPEN}) o WHERE is_tallied GROUP BY batch_id, member_id
"""

#: By name: what is promised, and the rows that break it as (coupon or null, detail).
CHECKS = {
    "C1 a code's uses are those that nobody rolled back": f"""
        SELECT c.id, json_build_object('uses', c.uses, 'history', coalesce(h.uses, 0))
          FROM rewards_coupon c LEFT JOIN ({_OF_CODE}) h ON h.coupon_id = c.id
         WHERE c.max_uses IS NOT NULL AND c.uses <> coalesce(h.uses, 0)
    """,
    "C2 only open reservations hold a code": f"""
        SELECT c.id, json_build_object('held', c.held, 'history', coalesce(h.held, 0))
          FROM rewards_coupon c LEFT JOIN ({_OF_CODE}) h ON h.coupon_id = c.id
         WHERE c.held <> coalesce(h.held, 0)
    """,
    "C3 a member's tally is their history, and what merges brought": f"""
        SELECT NULL::bigint, json_build_object('batch', t.batch_id, 'member', t.member_id,
                   'uses', t.uses, 'held', t.held, 'history', coalesce(h.uses, 0),
                   'brought', coalesce(m.uses, 0))
          FROM rewards_coupontally t
          LEFT JOIN ({_OF_MEMBER}) h ON h.batch_id = t.batch_id AND h.member_id = t.member_id
          LEFT JOIN (SELECT moved_to_id, sum(uses) AS uses FROM rewards_coupontally
                      WHERE moved_to_id IS NOT NULL GROUP BY 1) m ON m.moved_to_id = t.id
         WHERE t.uses <> coalesce(h.uses, 0) + coalesce(m.uses, 0)
            OR t.held <> coalesce(h.held, 0)
    """,
    "C4 a batch has as many codes as it says": """
        SELECT NULL::bigint, json_build_object('batch', b.id, 'made', b.made, 'codes', c.codes)
          FROM rewards_couponbatch b
          JOIN LATERAL (SELECT count(*) AS codes FROM rewards_coupon
                         WHERE batch_id = b.id) c ON true
         WHERE b.kind = 'unique' AND b.state = 'ready' AND b.made <> c.codes
    """,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: which check, which coupon, and what was found."""

    check: str
    coupon: int | None
    detail: dict[str, object]


def audit_coupons() -> list[Finding]:
    """Every counter against the history; up to 1,000 findings a check. Changes nothing."""
    found: list[Finding] = []
    with connection.cursor() as cursor:
        for name, sql in CHECKS.items():
            cursor.execute(f"{sql} LIMIT {SAMPLE}")
            found += [Finding(name, coupon, detail) for coupon, detail in cursor.fetchall()]
    return found
