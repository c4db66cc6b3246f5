"""Budgets that reach a threshold: told once each, in the transaction that reached it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from django.db import connection

from rewards.rules.limits import Claim
from rewards.services.limits.counters import Counted

_TELL = """
WITH reached AS (
    INSERT INTO rewards_limitalert (counter_id, percent, used, most)
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
        AS r (counter bigint, percent smallint, used bigint, most bigint)
    ON CONFLICT DO NOTHING RETURNING counter_id, percent, used, most
)
INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
SELECT 'promotion.budget_threshold', 'promotion', p.public_id, jsonb_build_object(
           'promotion', p.code, 'percent', r.percent, 'per', c.per, 'period', c.key,
           'store', (SELECT code FROM members_store WHERE c.per = 'store' AND id = c.holder),
           'what', c.what, 'used', r.used, 'max', r.most)
  FROM reached r JOIN rewards_limitcounter c ON c.id = r.counter_id
  JOIN rewards_promotion p ON p.id = c.promotion_id
 ORDER BY r.counter_id, r.percent
"""


def tell(counted: Sequence[Counted], claims: Iterable[Claim]) -> None:
    """Write down the thresholds that these claims passed, and announce each for the first time.

    No query when none was passed.
    """
    rows = [row for one in counted for row in _passed(one, [*claims])]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_TELL, [msgspec.json.encode(rows).decode()])


def _passed(counted: Counted, claims: Iterable[Claim]) -> list[dict[str, int]]:
    mine = [claim for claim in claims if claim.counter == counted.counter]
    before = counted.used - sum(claim.amount for claim in mine)
    most = min(claim.most for claim in mine)
    return [
        {"counter": counted.id, "percent": percent, "used": counted.used, "most": most}
        for percent in mine[0].alerts
        if before * 100 < percent * most <= counted.used * 100
    ]
