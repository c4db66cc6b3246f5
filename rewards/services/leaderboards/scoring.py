"""Scores of a cycle: read anew from the receipts, like challenges."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from loyalty_crm.kernel import outbox
from rewards.models import Leaderboard, LeaderboardCycle, LeaderboardScore
from rewards.rules.expiry import start_of

_SCORES = """
SELECT r.member_id, {what} AS value
  FROM members_receipt r {joined}
 WHERE {who} AND r.state IN ('closed', 'partly_returned')
   AND r.business_date BETWEEN %(first)s AND %(last)s
 GROUP BY r.member_id
"""
_REFUNDS = """LEFT JOIN LATERAL (SELECT sum(net_minor) AS net_minor FROM members_refund
                                  WHERE receipt_id = r.id) b ON true"""
_BY_SCORE: Final = {
    Leaderboard.Score.VISITS: ("count(*)", ""),
    Leaderboard.Score.SPEND: (
        "sum(r.gross_minor - r.discount_minor - coalesce(b.net_minor, 0))", _REFUNDS,
    ),
    Leaderboard.Score.POINTS: (
        "sum(p.earned - p.clawed_back)", "JOIN rewards_purchase p ON p.receipt_id = r.id",
    ),
}  # fmt: skip
# The cycle's row is shared by those who score and taken alone by the one who freezes.
_OPEN = "SELECT frozen_at IS NULL FROM rewards_leaderboardcycle WHERE id = %s FOR SHARE"
_HOLD = """
    INSERT INTO rewards_leaderboardscore AS s (cycle_id, member_id) VALUES (%s, %s)
    ON CONFLICT (cycle_id, member_id) DO UPDATE SET value = s.value
"""
_FREEZE = """
    INSERT INTO rewards_leaderboardscore (cycle_id, member_id, value, place)
    SELECT %(cycle)s, member_id, value, rank() OVER (ORDER BY value DESC)
      FROM ({scores}) score WHERE value > 0
    ON CONFLICT (cycle_id, member_id)
    DO UPDATE SET value = EXCLUDED.value, place = EXCLUDED.place
"""


def cycle_days(kind: str, day: date) -> tuple[date, date]:
    """The first and the last day of the cycle that a day is in; weeks begin on Monday."""
    if kind == Leaderboard.Cycle.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def cycle_of(board: Leaderboard, day: date) -> LeaderboardCycle:
    begins, ends = cycle_days(board.cycle, day)
    return LeaderboardCycle.objects.get_or_create(
        leaderboard=board, begins_on=begins, defaults={"ends_on": ends}
    )[0]


def _statement(board: Leaderboard, who: str) -> str:
    what, joined = _BY_SCORE[Leaderboard.Score(board.score)]
    return _SCORES.replace("{what}", what).replace("{joined}", joined).replace("{who}", who)


def scores(
    board: Leaderboard, cycle: LeaderboardCycle, member_ids: Sequence[int]
) -> dict[int, int]:
    values: dict[str, Any] = {
        "members": list(member_ids),
        "first": cycle.begins_on,
        "last": cycle.ends_on,
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(board, "r.member_id = ANY(%(members)s)"), values)
        return {member: int(value or 0) for member, value in cursor.fetchall()}


def score_member(*, member_id: int, day: date) -> None:
    """Score a member anew in each ranking's cycle of a day. Frozen cycles stay as they are."""
    boards = Leaderboard.objects.filter(is_active=True, programme__is_default=True)
    for board in boards.order_by("pk"):
        _score(board, cycle_of(board, day), member_id)


@transaction.atomic
def _score(board: Leaderboard, cycle: LeaderboardCycle, member_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [cycle.pk])
        if not cursor.fetchone()[0]:
            return
        cursor.execute(_HOLD, [cycle.pk, member_id])
    value = scores(board, cycle, [member_id]).get(member_id, 0)
    LeaderboardScore.objects.filter(cycle=cycle, member=member_id).update(value=max(value, 0))


def freeze_due(*, now: datetime) -> int:
    """Freeze the cycles whose time is over; how many. A repeat finds none."""
    waiting = LeaderboardCycle.objects.filter(frozen_at=None, ends_on__lt=now.date())
    due = [one for one in waiting.select_related("leaderboard__programme") if _is_due(one, now)]
    return sum(freeze(cycle=one, now=now) for one in due)


def _is_due(cycle: LeaderboardCycle, now: datetime) -> bool:
    board = cycle.leaderboard
    over = start_of(cycle.ends_on + timedelta(days=1), ZoneInfo(board.programme.time_zone))
    return now >= over + timedelta(hours=board.freeze_after_hours)


@transaction.atomic
def freeze(*, cycle: LeaderboardCycle, now: datetime) -> bool:
    """Count everybody once more, write down the places, and shut the cycle."""
    held = LeaderboardCycle.objects.select_related("leaderboard").select_for_update(
        of=("self",)
    ).get(pk=cycle.pk)  # fmt: skip
    if held.frozen_at:
        return False
    values: dict[str, Any] = {"cycle": held.pk, "first": held.begins_on, "last": held.ends_on}
    everybody = _statement(held.leaderboard, "r.member_id IS NOT NULL")
    LeaderboardScore.objects.filter(cycle=held).update(value=0, place=None)
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE.replace("{scores}", everybody), values)
    held.frozen_at = now
    held.save(update_fields=["frozen_at"])
    outbox.emit(
        "leaderboard.frozen",
        object_type="leaderboard",
        object_id=str(held.leaderboard.public_id),
        data={"leaderboard": held.leaderboard.code, "begins_on": held.begins_on.isoformat()},
    )
    return True
