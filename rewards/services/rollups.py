"""The programme's side of the books by day, rebuilt from the entries at will."""

# ruff: noqa: S608 - the statements are put together from constants of this file alone

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

# A day is a day of the programme, and of the time when it happened, not of its recording.
_DAYS = """
    SELECT (t.effective_at AT TIME ZONE p.time_zone)::date AS day,
           w.unit, e.kind, e.contra, e.amount
      FROM rewards_ledgerentry e JOIN rewards_ledgertx t ON t.id = e.tx_id
      JOIN rewards_wallet w ON w.id = e.wallet_id JOIN rewards_programme p ON p.id = w.programme_id
"""
_CLEAR = "DELETE FROM rewards_dailyrollup"
_FILL = """
    INSERT INTO rewards_dailyrollup (day, unit, kind, contra, entries, amount)
    SELECT day, unit, kind, contra, count(*), sum(amount) FROM ({rows}) x
     GROUP BY day, unit, kind, contra
    ON CONFLICT (day, unit, kind, contra)
    DO UPDATE SET entries = EXCLUDED.entries, amount = EXCLUDED.amount
"""


@transaction.atomic
def rebuild_rollups() -> None:
    """Throw the roll-up away and count it again; two rebuilds wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('rewards.rollups'))")
        cursor.execute(_CLEAR)
        cursor.execute(_FILL.format(rows=_DAYS))


@transaction.atomic
def refresh_rollups(*, recorded_since: datetime) -> None:
    """Count again only the days that entries recorded since then belong to."""
    touched = f"SELECT day FROM ({_DAYS} WHERE e.recorded_at >= %s) y"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('rewards.rollups'))")
        rows = f"SELECT * FROM ({_DAYS}) z WHERE day IN ({touched})"
        cursor.execute(_FILL.format(rows=rows), [recorded_since])
