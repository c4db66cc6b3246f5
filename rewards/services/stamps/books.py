"""Stamps in the award books: moved, read, and counted by age. Call it under the wallet's lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from rewards.models import AwardBalance, AwardMove, StampProgramme
from rewards.rules.expiry import start_of

KIND = "stamps"
#: Reasons that begin so happen once; those of ``BACK`` undo what was taken for a card.
CARD, BACK, BY_HAND = "stamp:card:", "stamp:back:", "stamp:hand:"
EXPIRED, FORGIVEN, REVIVED = "stamps expired", "stamp:back:forgiven:", "stamp:back:expired:"

# Oldest stamps go first: what was taken for cards (less what came back of it) is taken from the
# front. A return takes the stamps of its own sale, so it is netted with the award that gave them.
_BY_AGE = """
    SELECT m.member_id,
           coalesce(a.occurred_at, m.recorded_at) AS at, m.amount,
           m.code,
           (m.award_id IS NOT NULL
            OR (m.amount > 0 AND m.reason NOT LIKE 'stamp:back:%%')) AS is_own
      FROM rewards_awardmove m LEFT JOIN rewards_award a ON a.id = m.award_id
     WHERE m.member_id = ANY(%(members)s) AND m.kind = 'stamps' AND m.code = ANY(%(codes)s)
"""
_EXPIRE = """
WITH move AS ({by_age}), old AS (
    SELECT member_id, coalesce(sum(amount) FILTER (WHERE is_own AND at < %(cutoff)s), 0)
                      + coalesce(sum(amount) FILTER (WHERE NOT is_own), 0) AS stamps
      FROM move GROUP BY member_id
)
INSERT INTO rewards_awardmove (member_id, kind, code, amount, reason)
SELECT member_id, 'stamps', %(code)s, -stamps, %(reason)s FROM old WHERE stamps > 0
 ORDER BY member_id
RETURNING member_id, -amount
""".replace("{by_age}", _BY_AGE)
_NEXT = """
WITH move AS ({by_age}), own AS (
    SELECT code, (at AT TIME ZONE %(zone)s)::date AS day, sum(amount) AS stamps
      FROM move WHERE is_own GROUP BY 1, 2
), taken AS (
    SELECT code, sum(amount) AS stamps FROM move WHERE NOT is_own GROUP BY 1
), running AS (
    SELECT own.code, day, own.stamps, coalesce(taken.stamps, 0)
           + sum(own.stamps) OVER (PARTITION BY own.code ORDER BY day) AS left_
      FROM own LEFT JOIN taken USING (code)
)
SELECT DISTINCT ON (code) code, day, least(stamps, left_)::bigint
  FROM running WHERE left_ > 0 AND stamps > 0 ORDER BY code, day
""".replace("{by_age}", _BY_AGE)
# Stamps of goods that come back may have grown old meanwhile: they are not taken a second time.
_GONE_OF = """
SELECT greatest(least(%(lost)s, -coalesce(sum(m.amount), 0)), 0)::bigint
  FROM rewards_awardmove m
 WHERE m.member_id = %(member)s AND m.kind = 'stamps' AND m.code = %(code)s
   AND (m.reason = 'stamps expired' OR m.reason LIKE 'stamp:back:expired:%%')
   AND (SELECT occurred_at FROM rewards_award WHERE id = %(award)s) < %(cutoff)s
"""


class Ageing(NamedTuple):
    """So many stamps are gone after this day."""

    last_day: date
    stamps: int


def balance_of(member_id: int, code: str) -> int:
    found = AwardBalance.objects.filter(member_id=member_id, kind=KIND, code=code)
    return found.values_list("balance", flat=True).first() or 0


def move(member_id: int, code: str, amount: int, reason: str) -> None:
    """One move; its balance follows in the same statement, under the balance's own lock."""
    if amount:
        AwardMove.objects.create(
            member_id=member_id, kind=KIND, code=code, amount=amount, reason=reason
        )


def expire(programme: StampProgramme, member_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """Take the stamps that are too old; by member how many. A repeat finds none."""
    if programme.stamp_days is None or not member_ids:
        return {}
    values: dict[str, Any] = {
        "members": list(member_ids),
        "code": programme.code,
        "codes": [programme.code],
        "cutoff": cutoff(programme, now),
        "reason": EXPIRED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRE, values)
        return {member: int(stamps) for member, stamps in cursor.fetchall()}


def gone_of(
    programme: StampProgramme, member_id: int, award_id: int, lost: int, now: datetime
) -> int:
    """How many of the lost stamps of an award had grown old before its goods came back."""
    if programme.stamp_days is None:
        return 0
    values: dict[str, Any] = {
        "member": member_id,
        "code": programme.code,
        "award": award_id,
        "lost": lost,
        "cutoff": cutoff(programme, now),
    }
    with connection.cursor() as cursor:
        cursor.execute(_GONE_OF, values)
        return int(cursor.fetchone()[0])


def cutoff(programme: StampProgramme, now: datetime) -> datetime:
    """Stamps from before are too old: each lives to the end of its last whole day."""
    zone = ZoneInfo(programme.programme.time_zone)
    return start_of(now.astimezone(zone).date() - timedelta(days=programme.stamp_days or 0), zone)


def ageing(programmes: Sequence[StampProgramme], member_id: int) -> dict[str, Ageing]:
    """By code, the stamps that go next; one statement however many programmes."""
    days = {one.code: one.stamp_days for one in programmes if one.stamp_days is not None}
    if not days:
        return {}
    values: dict[str, Any] = {
        "members": [member_id],
        "codes": list(days),
        "zone": programmes[0].programme.time_zone,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, values)
        return {
            code: Ageing(day + timedelta(days=days[code]), int(stamps))
            for code, day, stamps in cursor.fetchall()
        }
