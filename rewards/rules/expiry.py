"""When points become active and when they expire: whole days in the programme's time zone.

Days are included: points that expire "on" a day can be spent until its end.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

#: Stands for "never" in every table: an infinite timestamp does not fit into Python.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


Policy = Literal["none", "rolling", "fixed", "inactivity"]
Bucket = Literal["day", "month"]


class Lifetime(msgspec.Struct, frozen=True, kw_only=True):
    """How long points live. ``fixed_dates`` are MM-DD."""

    time_zone: str = "UTC"
    policy: Policy = "none"
    days: int = 365
    fixed_dates: tuple[str, ...] = ()
    bucket: Bucket = "day"
    activation_delay_days: int = 0


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when points of one receipt can be spent."""

    active_at: datetime
    expires_at: datetime
    is_pending: bool = False


def life_of(lifetime: Lifetime, earned_at: datetime) -> Life:
    """Points live from the day they become active; a delay does not shorten their life."""
    zone = ZoneInfo(lifetime.time_zone)
    day = earned_at.astimezone(zone).date()
    delay = lifetime.activation_delay_days
    if not delay:
        return Life(active_at=earned_at, expires_at=_expires_at(lifetime, day, zone))
    active_on = day + timedelta(days=delay)
    expires_at = _expires_at(lifetime, active_on, zone)
    return Life(active_at=start_of(active_on, zone), expires_at=expires_at, is_pending=True)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _expires_at(lifetime: Lifetime, day: date, zone: ZoneInfo) -> datetime:
    if lifetime.policy == "rolling":
        last = day + timedelta(days=lifetime.days)
    elif lifetime.policy == "fixed" and lifetime.fixed_dates:
        last = next_fixed_date(day, lifetime.fixed_dates)
    else:
        # Inactivity is no property of a lot: the job looks at the wallet's last purchase.
        return NEVER
    if lifetime.bucket == "month":
        last = last.replace(day=monthrange(last.year, last.month)[1])
    return start_of(last + timedelta(days=1), zone)


def next_fixed_date(day: date, fixed: Sequence[str]) -> date:
    """The first of the dates after the day: points never die on the day they were earned."""
    years = (day.year, day.year + 1)
    return min(d for text in fixed for year in years if (d := _in_year(text, year)) > day)


def _in_year(month_day: str, year: int) -> date:
    """29 February is 28 February in a short year."""
    month, day = int(month_day[:2]), int(month_day[3:])
    return date(year, month, min(day, monthrange(year, month)[1]))
