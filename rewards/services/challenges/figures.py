"""What members have done of a challenge: always read anew from their receipts.

So an event that comes twice changes nothing, a return lowers the figure, and the counters
can be proved by asking the same about everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from rewards.models import Challenge

# Money is net of what came back; a receipt that came back whole counts for nothing.
_RECEIPTS = """
WITH receipt AS (
    SELECT r.id, r.member_id, r.business_date,
           r.gross_minor - r.discount_minor - coalesce(b.net_minor, 0) AS net
      FROM members_receipt r
      LEFT JOIN LATERAL (SELECT sum(net_minor) AS net_minor FROM members_refund
                          WHERE receipt_id = r.id) b ON true
     WHERE {who} AND r.state IN ('closed', 'partly_returned')
       AND r.business_date >= %(first)s
       AND r.business_date <= coalesce(%(last)s::date, 'infinity'::date)
), counted AS (
    SELECT * FROM receipt WHERE net >= %(least)s
)
"""
_STREAK = """, week AS (
    SELECT DISTINCT member_id, date_trunc('week', business_date)::date AS monday FROM counted
), step AS (
    SELECT member_id, monday, (monday - lag(monday) OVER (
        PARTITION BY member_id ORDER BY monday)) > 7 * (%(grace)s + 1) AS is_broken FROM week
), run AS (
    SELECT member_id, count(*) FILTER (WHERE is_broken) OVER (
        PARTITION BY member_id ORDER BY monday) AS no FROM step
), length AS (
    SELECT member_id, no, count(*) AS weeks FROM run GROUP BY member_id, no
)
SELECT member_id, max(weeks) FROM length GROUP BY member_id
"""
_CATEGORIES = """
SELECT c.member_id, count(DISTINCT p.category_id)
  FROM counted c JOIN members_receiptline l ON l.receipt_id = c.id
   AND l.refunded_quantity_milli < l.quantity_milli
  JOIN members_product p ON p.id = l.product_id
 GROUP BY c.member_id
"""
_BY_METRIC: Final = {
    Challenge.Metric.PURCHASES: "SELECT member_id, count(*) FROM counted GROUP BY member_id",
    Challenge.Metric.SPEND: "SELECT member_id, sum(net) FROM counted GROUP BY member_id",
    Challenge.Metric.DAYS: "SELECT member_id, count(DISTINCT business_date) FROM counted "
    "GROUP BY member_id",
    Challenge.Metric.CATEGORIES: _CATEGORIES,
    Challenge.Metric.STREAK: _STREAK,
}


def figures(challenge: Challenge, member_ids: Sequence[int] | None = None) -> dict[int, int]:
    """By member, in one statement; of everybody when nobody is named. Those with none are left out.

    A streak is the longest run of weeks: breaking it later takes nothing back.
    """
    who = "r.member_id IS NOT NULL" if member_ids is None else "r.member_id = ANY(%(members)s)"
    statement = _RECEIPTS.replace("{who}", who) + _BY_METRIC[Challenge.Metric(challenge.metric)]
    values: dict[str, Any] = {
        "members": list(member_ids or []),
        "first": challenge.starts_on,
        "last": challenge.ends_on,
        "least": challenge.least_minor,
        "grace": challenge.grace_weeks,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return {member: max(int(value), 0) for member, value in cursor.fetchall()}
