"""What members spent, how often they came, what they earned: for many of them in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection

from rewards.models import TierStructure

_RECEIPTS = """
    SELECT a.member_id, coalesce(sum({what}), 0)
      FROM unnest(%(members)s::bigint[], %(begins)s::timestamptz[]) AS a (member_id, begins)
      JOIN members_receipt r ON r.member_id = a.member_id
       AND r.occurred_at >= a.begins AND r.occurred_at <= %(until)s AND r.state <> 'voided'
      {refunds}
     GROUP BY a.member_id
"""
_REFUNDS = """LEFT JOIN LATERAL (SELECT sum(net_minor) AS net_minor FROM members_refund
                                  WHERE receipt_id = r.id) b ON true"""
_POINTS = """
    SELECT a.member_id, coalesce(sum(e.amount), 0)
      FROM unnest(%(members)s::bigint[], %(begins)s::timestamptz[]) AS a (member_id, begins)
      JOIN rewards_wallet w ON w.member_id = a.member_id AND w.programme_id = %(programme)s
       AND w.kind = 'points'
      JOIN rewards_ledgerentry e ON e.wallet_id = w.id AND e.kind IN ('earn', 'clawback')
      JOIN rewards_ledgertx t ON t.id = e.tx_id
       AND t.effective_at >= a.begins AND t.effective_at <= %(until)s
     GROUP BY a.member_id
"""
#: By metric. Money is net of returns, whenever they came; a purchase that came back whole is none.
STATEMENTS: Final = {
    TierStructure.Metric.SPEND: _RECEIPTS.format(
        what="r.gross_minor - r.discount_minor - coalesce(b.net_minor, 0)", refunds=_REFUNDS
    ),
    TierStructure.Metric.VISITS: _RECEIPTS.format(
        what="CASE WHEN r.state <> 'returned' THEN 1 ELSE 0 END", refunds=""
    ),
    TierStructure.Metric.POINTS: _POINTS,
}


def figures(
    structure: TierStructure, begins: Mapping[int, datetime], until: datetime
) -> dict[int, int]:
    """The figure of each member since its own moment. Members without any are left out."""
    values: dict[str, Any] = {
        "members": list(begins),
        "begins": list(begins.values()),
        "until": until,
        "programme": structure.programme_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS[TierStructure.Metric(structure.metric)], values)
        return {member: max(int(value), 0) for member, value in cursor.fetchall()}
