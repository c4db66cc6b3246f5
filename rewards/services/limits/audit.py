"""The proof of the counters: each is the sum of its moves, and none is beyond its limit unnoted."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

SAMPLE = 1000

CHECKS = {
    "L1 a counter is the sum of its moves": """
        SELECT c.id, json_build_object('used', c.used, 'held', c.held,
                   'moves_used', coalesce(m.used, 0), 'moves_held', coalesce(m.held, 0))
          FROM rewards_limitcounter c
          LEFT JOIN (SELECT counter_id, sum(used) AS used, sum(held) AS held
                       FROM rewards_limituse GROUP BY counter_id) m ON m.counter_id = c.id
         WHERE (c.used, c.held) <> (coalesce(m.used, 0), coalesce(m.held, 0))
    """,
    "L2 only open holds hold": """
        SELECT c.id, json_build_object('held', c.held, 'open', coalesce(o.held, 0))
          FROM rewards_limitcounter c
          LEFT JOIN (SELECT m.counter_id, sum(m.held) AS held FROM rewards_limituse m
                       JOIN rewards_limithold h ON h.id = m.hold_id
                      WHERE h.ended_at IS NULL GROUP BY m.counter_id) o ON o.counter_id = c.id
         WHERE c.held <> coalesce(o.held, 0)
    """,
    "L3 no receipt gives back more than it used": """
        SELECT NULL::bigint, json_build_object('receipt', m.receipt_id, 'promotion',
                   c.promotion_id, 'per', c.per, 'what', c.what, 'net', sum(m.used))
          FROM rewards_limituse m JOIN rewards_limitcounter c ON c.id = m.counter_id
         WHERE m.receipt_id IS NOT NULL
         GROUP BY m.receipt_id, c.promotion_id, c.per, c.what, c.key HAVING sum(m.used) < 0
    """,
    "L4 beyond a limit goes only what was noted": """
        SELECT c.id, json_build_object('used', c.used, 'held', c.held, 'most', c.most)
          FROM rewards_limitcounter c
         WHERE c.used + c.held > c.most AND NOT EXISTS (
               SELECT FROM rewards_limituse m
                WHERE m.counter_id = c.id AND m.kind IN ('over', 'merge'))
    """,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: which check, whose counter, and what was found."""

    check: str
    counter: int | None
    detail: dict[str, object]


def audit_limits() -> list[Finding]:
    """Every counter against its moves and its holds; up to 1,000 findings a check."""
    found: list[Finding] = []
    with connection.cursor() as cursor:
        for name, sql in CHECKS.items():
            cursor.execute(f"{sql} LIMIT {SAMPLE}")
            found += [Finding(name, counter, detail) for counter, detail in cursor.fetchall()]
    return found
