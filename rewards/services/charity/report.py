"""What is pledged and what is paid, by cause and by month: sales and points together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Sum

from rewards.models import Cause, CausePayment, Programme

# Pledges of sales name their cause by its code; what went back with the goods counts no more.
_MOVES = """
    SELECT coalesce(nullif(a.detail ->> 'cause', ''), a.code) AS code, a.occurred_at,
           a.amount - a.taken_back AS amount, 1 AS gifts, 'sales' AS origin
      FROM rewards_award a WHERE a.kind = 'charity'
    UNION ALL
    SELECT c.code, p.occurred_at, p.amount_minor,
           CASE WHEN p.reverses_id IS NULL THEN 1 ELSE -1 END,
           'points'
      FROM rewards_pledge p JOIN rewards_cause c ON c.id = p.cause_id
     WHERE c.programme_id = %(programme)s
"""
_BY_CAUSE = f"""
    SELECT m.code, coalesce(sum(m.amount) FILTER (WHERE origin = 'sales'), 0)::bigint,
           coalesce(sum(m.amount) FILTER (WHERE origin = 'points'), 0)::bigint, sum(m.gifts)::bigint
      FROM ({_MOVES}) m
     WHERE (%(begins)s::timestamptz IS NULL OR m.occurred_at >= %(begins)s)
       AND (%(ends)s::timestamptz IS NULL OR m.occurred_at < %(ends)s)
     GROUP BY m.code
"""  # noqa: S608 - built of constants
_BY_MONTH = f"""
    SELECT date_trunc('month', m.occurred_at AT TIME ZONE %(zone)s)::date, m.origin,
           sum(m.amount)::bigint
      FROM ({_MOVES}) m WHERE m.occurred_at >= %(begins)s GROUP BY 1, 2 ORDER BY 1
"""  # noqa: S608 - built of constants


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one cause, minor units: pledged by sales and by points, paid, and how many gave.

    ``cause`` is None for a code that promotions name and nobody has made a cause of.
    """

    code: str
    cause: Cause | None
    by_sales: int
    by_points: int
    paid: int
    gifts: int

    @property
    def pledged(self) -> int:
        return self.by_sales + self.by_points

    @property
    def outstanding(self) -> int:
        return self.pledged - self.paid


def standings(
    *, programme: Programme, first: date | None = None, end: date | None = None
) -> list[Standing]:
    """Every cause by its code, for days of the programme; ``end`` is not one. Three queries."""
    moves = _moves(programme, first, end)
    causes = {one.code: one for one in Cause.objects.filter(programme=programme)}
    paid = _paid(programme, first, end)
    found = []
    for code in sorted(causes.keys() | moves.keys()):
        sales, points, gifts = moves.get(code, (0, 0, 0))
        found.append(Standing(code, causes.get(code), sales, points, paid.get(code, 0), gifts))
    return found


def outstanding(cause: Cause) -> int:
    """What is owed to one cause, of all time."""
    moves = _moves(cause.programme, None, None).get(cause.code, (0, 0, 0))
    return moves[0] + moves[1] - _paid(cause.programme, None, None).get(cause.code, 0)


def totals_by_month(*, programme: Programme, since: date) -> dict[date, dict[str, int]]:
    """Pledged in each month from the one of ``since`` on, by where it came from."""
    zone = ZoneInfo(programme.time_zone)
    begins = datetime.combine(since.replace(day=1), time.min, zone)
    values = {"programme": programme.pk, "zone": programme.time_zone, "begins": begins}
    months: dict[date, dict[str, int]] = {}
    for month, origin, amount in _rows(_BY_MONTH, values):
        months.setdefault(month, {})[origin] = amount
    return months


def _moves(
    programme: Programme, first: date | None, end: date | None
) -> dict[str, tuple[int, int, int]]:
    zone = ZoneInfo(programme.time_zone)
    values = {
        "programme": programme.pk,
        "begins": datetime.combine(first, time.min, zone) if first else None,
        "ends": datetime.combine(end, time.min, zone) if end else None,
    }
    return {code: (sales, points, gifts) for code, sales, points, gifts in _rows(_BY_CAUSE, values)}


def _paid(programme: Programme, first: date | None, end: date | None) -> dict[str, int]:
    made = CausePayment.objects.filter(cause__programme=programme)
    if first:
        made = made.filter(paid_on__gte=first)
    if end:
        made = made.filter(paid_on__lt=end)
    return dict(made.values_list("cause__code").annotate(n=Sum("amount_minor")).order_by())


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
