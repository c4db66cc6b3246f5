"""What members spent, how often they came, what they earned: for many of them in one statement.

Two when the ladder's tiers ask for purchases beside the figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import connection

from rewards.models import TierStructure
from rewards.rules.tiers import Counted, Ladder, Span

_ASKED = """unnest(%(members)s::bigint[], %(begins)s::timestamptz[], %(untils)s::timestamptz[])
        AS a (member_id, begins, until)"""
_RECEIPTS = """
    SELECT a.member_id, coalesce(sum({what}), 0)
      FROM {asked}
      JOIN members_receipt r ON r.member_id = a.member_id
       AND r.occurred_at >= a.begins AND r.occurred_at <= a.until AND r.state <> 'voided'
      {refunds}
     GROUP BY a.member_id
"""
_REFUNDS = """LEFT JOIN LATERAL (SELECT sum(net_minor) AS net_minor FROM members_refund
                                  WHERE receipt_id = r.id) b ON true"""
_POINTS = """
    SELECT a.member_id, coalesce(sum(e.amount), 0)
      FROM {asked}
      JOIN rewards_wallet w ON w.member_id = a.member_id AND w.programme_id = %(programme)s
       AND w.kind = 'points'
      JOIN rewards_ledgerentry e ON e.wallet_id = w.id AND e.kind IN ('earn', 'clawback')
      JOIN rewards_ledgertx t ON t.id = e.tx_id
       AND t.effective_at >= a.begins AND t.effective_at <= a.until
     GROUP BY a.member_id
"""
_CUSTOM = """
    SELECT a.member_id, sum(f.amount)
      FROM {asked}
      JOIN rewards_tierfigure f ON f.member_id = a.member_id AND f.structure_id = %(structure)s
       AND f.occurred_at >= a.begins AND f.occurred_at <= a.until
     GROUP BY a.member_id
"""
#: By metric. Money is net of returns, whenever they came; a purchase that came back whole is none.
STATEMENTS: Final = {
    TierStructure.Metric.SPEND: _RECEIPTS.format(
        asked=_ASKED,
        what="r.gross_minor - r.discount_minor - coalesce(b.net_minor, 0)",
        refunds=_REFUNDS,
    ),
    TierStructure.Metric.VISITS: _RECEIPTS.format(
        asked=_ASKED, what="CASE WHEN r.state <> 'returned' THEN 1 ELSE 0 END", refunds=""
    ),
    TierStructure.Metric.POINTS: _POINTS.format(asked=_ASKED),
    TierStructure.Metric.CUSTOM: _CUSTOM.format(asked=_ASKED),
}


def figures(
    structure: TierStructure, ladder: Ladder, spans: Mapping[int, Span]
) -> dict[int, Counted]:
    """The figures of each member in its own span. Members without any may be left out."""
    if not spans:
        return {}
    values = _summed(structure, TierStructure.Metric(structure.metric), spans)
    visits = _summed(structure, TierStructure.Metric.VISITS, spans) if ladder.asks_visits else {}
    return {
        member: Counted(values.get(member, 0), visits.get(member, 0)) for member in values | visits
    }


def _summed(
    structure: TierStructure, metric: TierStructure.Metric, spans: Mapping[int, Span]
) -> dict[int, int]:
    values: dict[str, Any] = {
        "members": list(spans),
        "begins": [span.begins for span in spans.values()],
        "untils": [span.until for span in spans.values()],
        "programme": structure.programme_id,
        "structure": structure.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS[metric], values)
        return {member: max(int(value), 0) for member, value in cursor.fetchall()}
