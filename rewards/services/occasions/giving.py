"""The daily run: whose day it is by the programme's clock, in chunks, each once.

The unique cause of a bonus (occasion, member, year) is what makes a repeat, a
second run beside this one and a caught-up day harmless; ``done_until`` only says
how far back to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.db import connection

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Occasion
from rewards.rules.bonuses import Reward, checked
from rewards.rules.expiry import start_of
from rewards.rules.occasions import Leap, days_due, keys_of
from rewards.services import bonuses
from rewards.services.bonuses import Due

Kind = Occasion.Kind
CHUNK = 500
#: Nobody has two birthdays within so many days, whatever date is told meanwhile.
APART = timedelta(days=300)

# A frozen account waits: its gift is given by a later run of the window. Who is meant is found
# first: a limit in order of keys makes the planner walk the whole table by them.
_WHO = """
    WITH due AS MATERIALIZED (SELECT m.id FROM {} AND m.status = 'active')
    SELECT m.id FROM due m
     WHERE m.id > %(after)s
       AND NOT EXISTS (SELECT FROM rewards_bonus b WHERE b.member_id = m.id AND b.source = %(kind)s
                          AND b.day > %(apart)s)
       AND NOT EXISTS (SELECT FROM rewards_wallet w WHERE w.member_id = m.id
                          AND w.programme_id = %(programme)s AND w.kind = 'points'
                          AND w.status IN ('frozen', 'closed'))
     ORDER BY m.id LIMIT %(limit)s
"""
_BORN = _WHO.replace(
    "{}",
    """members_member m
     WHERE extract(month FROM m.birth_date) * 100 + extract(day FROM m.birth_date)
           = ANY(%(keys)s::numeric[]) AND m.birth_date IS NOT NULL AND m.birth_date < %(day)s""",
)
_JOINED = _WHO.replace(
    "{}",
    """unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS y (begins, ends)
      JOIN members_member m ON m.enrolled_at >= y.begins AND m.enrolled_at < y.ends
     WHERE true""",
)
OLDEST_PROGRAMME = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run gave, and the days it looked at."""

    given: int
    days: int


def run_due(*, now: datetime | None = None) -> int:
    """All occasions of the calendar that are on; how many gifts were given."""
    now = now or clock.now()
    occasions = Occasion.objects.filter(is_active=True).exclude(kind=Kind.WELCOME)
    return sum(run_occasion(occasion=one, now=now).given for one in occasions)


def run_occasion(*, occasion: Occasion, now: datetime) -> Ran:
    """Give what is due by the programme's day of ``now``; call it outside of a transaction.

    Each chunk is a transaction of its own, so a crash loses none and repeats none. The
    place to continue from is written last.
    """
    today = now.astimezone(zone_of(occasion)).date()
    reward = checked(occasion.reward)
    days = list(
        days_due(
            today=today,
            done_until=occasion.done_until,
            before=occasion.days_before,
            after=occasion.days_after,
        )
    )
    given = sum(_day(occasion, reward, day) for day in days)
    # A run that started before midnight may end after the next one.
    later = Occasion.objects.filter(pk=occasion.pk, is_active=True)
    later.exclude(done_until__gte=today).update(done_until=today)
    return Ran(given, len(days))


def zone_of(occasion: Occasion) -> ZoneInfo:
    return ZoneInfo(occasion.programme.time_zone)


def leap_of(occasion: Occasion) -> Leap:
    return cast("Leap", occasion.leap)


def _day(occasion: Occasion, reward: Reward, day: date) -> int:
    given = 0
    for members in _chunks(occasion, day):
        dues = [
            Due(pk, occasion.kind, f"{occasion.programme_id}:{pk}:{day.year}", reward, day)
            for pk in members
        ]
        given += len(bonuses.give(dues, programme=occasion.programme, actor=SYSTEM))
    return given


def _chunks(occasion: Occasion, day: date) -> Iterator[list[int]]:
    after = 0
    while members := _members(occasion, day, after):
        yield members
        after = members[-1]


def _members(occasion: Occasion, day: date, after: int) -> list[int]:
    values: dict[str, Any] = {
        "kind": occasion.kind,
        "programme": occasion.programme_id,
        "day": day,
        "apart": day - APART,
        "after": after,
        "limit": CHUNK,
    }
    if occasion.kind == Kind.BIRTHDAY:
        statement, values = _BORN, values | {"keys": keys_of(day, leap_of(occasion))}
    else:
        begins, ends = _joined_on(occasion, day)
        statement, values = _JOINED, values | {"begins": begins, "ends": ends}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [pk for (pk,) in cursor.fetchall()]


def _joined_on(occasion: Occasion, day: date) -> tuple[list[datetime], list[datetime]]:
    """The same days of the years before, each from its midnight to the next."""
    zone = zone_of(occasion)
    days = [
        found
        for year in range(day.year - OLDEST_PROGRAMME, day.year)
        for key in keys_of(day, leap_of(occasion))
        if (found := _in_year(year, key))
    ]
    return (
        [start_of(one, zone) for one in days],
        [start_of(one + timedelta(days=1), zone) for one in days],
    )


def _in_year(year: int, key: int) -> date | None:
    try:
        return date(year, key // 100, key % 100)
    except ValueError:  # 29 February of a short year
        return None
