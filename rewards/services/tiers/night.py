"""The night of a ladder: one statement finds who may rise, and only they are looked at singly.

A purchase lifts its member seconds after it; the night finds the others: new
members, imported receipts, changed thresholds, periods that began.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection

from loyalty_crm.kernel import clock
from rewards.models import TierStructure
from rewards.rules import tiers as rules
from rewards.rules.tiers import Ladder, Span
from rewards.services.tiers.deciding import CHUNK, rise_members, zone_of
from rewards.services.tiers.ladders import ladder_of

_NEVER = 2**62
_RECEIPTS = """
    SELECT member_id, sum({value}) AS value, count(*) AS visits FROM members_receipt
     WHERE member_id IS NOT NULL AND state <> 'voided'
       AND occurred_at >= %(begins)s AND occurred_at <= %(until)s
     GROUP BY member_id
"""
_POINTS = """
    SELECT w.member_id, sum(e.amount) AS value
      FROM rewards_ledgerentry e
      JOIN rewards_wallet w ON w.id = e.wallet_id AND w.programme_id = %(programme)s
       AND w.kind = 'points' AND w.member_id IS NOT NULL
      JOIN rewards_ledgertx t ON t.id = e.tx_id
     WHERE e.kind = 'earn' AND t.effective_at >= %(begins)s AND t.effective_at <= %(until)s
     GROUP BY w.member_id
"""
_CUSTOM = """
    SELECT member_id, sum(greatest(amount, 0)) AS value FROM rewards_tierfigure
     WHERE structure_id = %(structure)s AND occurred_at >= %(begins)s AND occurred_at <= %(until)s
     GROUP BY member_id
"""
#: Never less than the figure that decides: what came back is not taken off here.
MOST: Final = {
    TierStructure.Metric.SPEND: _RECEIPTS.format(value="gross_minor - discount_minor"),
    TierStructure.Metric.VISITS: _RECEIPTS.format(value="1"),
    TierStructure.Metric.POINTS: _POINTS,
    TierStructure.Metric.CUSTOM: _CUSTOM,
}
_WHO_MAY_RISE = """
    SELECT m.id
      FROM members_member m
      LEFT JOIN rewards_tiermembership h ON h.member_id = m.id AND h.structure_id = %(structure)s
      JOIN unnest(%(tiers)s::bigint[], %(values)s::bigint[], %(visits)s::bigint[])
           AS above (tier_id, value, visits) ON above.tier_id = coalesce(h.tier_id, 0)
      LEFT JOIN ({figures}) f ON f.member_id = m.id
      LEFT JOIN ({visits}) v ON v.member_id = m.id
     WHERE m.status = 'active'
       AND (coalesce(f.value, 0) >= above.value OR coalesce(v.visits, 0) >= above.visits)
     ORDER BY m.id
"""
_NO_VISITS = "SELECT NULL::bigint AS member_id, 0 AS visits WHERE false"


def rise_all(*, structure: TierStructure, now: datetime | None = None) -> int:
    """Lift everybody who reached a higher tier; return how many. A repeat changes nothing.

    In chunks by key, each in a transaction of its own: a night that is cut off goes
    on with its next run.
    """
    now = now or clock.now()
    found = who_may_rise(structure, ladder_of(structure), now)
    return sum(
        rise_members(structure=structure, member_ids=chunk, now=now) for chunk in _chunks(found)
    )


def who_may_rise(structure: TierStructure, ladder: Ladder, now: datetime) -> array[int]:
    """Keys of members, eight bytes each. One statement, whatever their number."""
    span = _widest(structure, ladder, now)
    sql = _WHO_MAY_RISE.format(
        figures=MOST[TierStructure.Metric(structure.metric)],
        visits=MOST[TierStructure.Metric.VISITS] if ladder.asks_visits else _NO_VISITS,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, {**_keys(structure, span), **_above(ladder)})
        return array("q", (key for (key,) in cursor))


def _keys(structure: TierStructure, span: Span) -> dict[str, Any]:
    own = {"structure": structure.pk, "programme": structure.programme_id}
    return {**own, "begins": span.begins, "until": span.until}


def _widest(structure: TierStructure, ladder: Ladder, now: datetime) -> Span:
    """No member's own span begins earlier or ends later."""
    if ladder.window == "anniversary":
        years = 1 if ladder.rises == "at_once" else 2
        return Span(now - timedelta(days=367 * years), now)
    return rules.rising_span(ladder, now, date.min, zone_of(structure))


def _above(ladder: Ladder) -> dict[str, list[int]]:
    """For each tier, and for none (0): the least that any tier above it asks for."""
    held = [0, *(level.id for level in ladder.levels[:-1])]
    higher = [ladder.levels[place:] for place in range(len(held))]
    return {
        "tiers": held,
        "values": [min(level.threshold for level in levels) for levels in higher],
        "visits": [_least_visits(ladder, levels) for levels in higher],
    }


def _least_visits(ladder: Ladder, levels: tuple[rules.Level, ...]) -> int:
    """Purchases alone lift only where either figure is enough."""
    asked = [level.visits for level in levels if level.visits is not None]
    return min(asked) if asked and ladder.needs == "any" else _NEVER


def _chunks(keys: array[int]) -> Iterator[array[int]]:
    return (keys[at : at + CHUNK] for at in range(0, len(keys), CHUNK))
