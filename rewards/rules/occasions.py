"""Which days of the year are celebrated on a day: pure arithmetic on the calendar."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

Leap = Literal["earlier", "later"]
_LEAP_DAY = 229
#: Longer than the job was ever down. What is older than this is not caught up.
MOST_DAYS_BACK = 31


def keys_of(day: date, leap: Leap) -> list[int]:
    """Month * 100 + day of all who celebrate on ``day``: 29 February has its day every year."""
    keys = [day.month * 100 + day.day]
    substitute = (2, 28) if leap == "earlier" else (3, 1)
    if not isleap(day.year) and (day.month, day.day) == substitute:
        keys.append(_LEAP_DAY)
    return keys


def days_due(*, today: date, done_until: date | None, before: int, after: int) -> Iterator[date]:
    """The days whose gifts are due today: the window, and what was missed since the last run."""
    first = today - timedelta(days=after)
    if done_until is not None:
        # The last run looked ``before`` days ahead of its own day.
        missed = done_until + timedelta(days=1 + before)
        first = min(first, missed)
    first = max(first, today - timedelta(days=MOST_DAYS_BACK))
    for offset in range((today + timedelta(days=before) - first).days + 1):
        yield first + timedelta(days=offset)
