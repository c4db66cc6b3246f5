"""Tiers: what a member's figures of a window mean for the place on the ladder. Pure.

Up at once or when the next period begins, down only when the tier's time is
over. A window is the member's last days, the calendar year, or the year since
the day of enrolment; a period is a month of rolling days, else the window itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

Window = Literal["rolling", "calendar_year", "anniversary"]
Landing = Literal["by_result", "one_step", "lowest"]
Rises = Literal["at_once", "next_period"]
Needs = Literal["all", "any"]
Cause = Literal["reached", "kept", "dropped", "granted", "ended", "merged", "parted"]


_TICK = timedelta(microseconds=1)


class Counted(NamedTuple):
    """What a member did in a window: the ladder's figure, and purchases where tiers ask for them.

    ``value``: minor units of money, purchases, units of points, or the ladder's own unit.
    """

    value: int = 0
    visits: int = 0


class Span(NamedTuple):
    """From which moment to which one receipts count, both included."""

    begins: datetime
    until: datetime


class Level(msgspec.Struct, frozen=True):
    """One tier: its id, its place from 0 up, the figure from which it begins, and purchases."""

    id: int
    code: str
    rank: int
    threshold: int
    visits: int | None = None


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A structure of tiers. ``levels`` stand by rank, thresholds rise with them."""

    levels: tuple[Level, ...]
    window: Window
    window_days: int = 365
    term_days: int = 365
    rises: Rises = "at_once"
    needs: Needs = "all"
    landing: Landing = "by_result"
    grace_days: int = 0

    @property
    def asks_visits(self) -> bool:
        return any(level.visits is not None for level in self.levels)

    def level_for(self, counted: Counted) -> Level | None:
        """The highest tier that is reached; None below the first."""
        reached = [level for level in self.levels if self.is_reached(level, counted)]
        return reached[-1] if reached else None

    def is_reached(self, level: Level, counted: Counted) -> bool:
        by_value = counted.value >= level.threshold
        if level.visits is None:
            return by_value
        by_visits = counted.visits >= level.visits
        return by_value and by_visits if self.needs == "all" else by_value or by_visits

    def level(self, tier_id: int) -> Level:
        return next(level for level in self.levels if level.id == tier_id)


class Standing(msgspec.Struct, frozen=True):
    """What a member has now, and until when it can't be lost."""

    tier_id: int
    valid_until: datetime


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of a member. ``level`` None: no tier any more."""

    level: Level | None
    valid_until: datetime | None
    cause: Cause


def window_begins(ladder: Ladder, at: datetime, enrolled_on: date, zone: ZoneInfo) -> datetime:
    """From when on receipts count at the moment ``at``. Of rolling days today is the last."""
    today = at.astimezone(zone).date()
    match ladder.window:
        case "rolling":
            first = today - timedelta(days=ladder.window_days - 1)
        case "calendar_year":
            first = date(today.year, 1, 1)
        case "anniversary":
            first = last_anniversary(enrolled_on, today)
    return midnight(first, zone)


def term_ends(ladder: Ladder, at: datetime, enrolled_on: date, zone: ZoneInfo) -> datetime:
    """Until when a tier that is reached now can't be lost: the first moment after its last day.

    The rest of this year and all of the next one, or ``term_days``.
    """
    today = at.astimezone(zone).date()
    match ladder.window:
        case "rolling":
            return midnight(today + timedelta(days=ladder.term_days + 1), zone)
        case "calendar_year":
            return midnight(date(today.year + 2, 1, 1), zone)
        case "anniversary":
            began = last_anniversary(enrolled_on, today)
            return midnight(_years_after(began, enrolled_on, 2), zone)


def window_span(ladder: Ladder, at: datetime, enrolled_on: date, zone: ZoneInfo) -> Span:
    return Span(window_begins(ladder, at, enrolled_on, zone), at)


def period_begins(ladder: Ladder, at: datetime, enrolled_on: date, zone: ZoneInfo) -> datetime:
    """The first moment of the period that runs at ``at``."""
    today = at.astimezone(zone).date()
    if ladder.window == "rolling":
        return midnight(today.replace(day=1), zone)
    return window_begins(ladder, at, enrolled_on, zone)


def rising_span(ladder: Ladder, now: datetime, enrolled_on: date, zone: ZoneInfo) -> Span:
    """What counts for rising: up to now, or up to the last moment before this period."""
    until = now
    if ladder.rises == "next_period":
        until = period_begins(ladder, now, enrolled_on, zone) - _TICK
    return Span(window_begins(ladder, until, enrolled_on, zone), until)


def rising_term(ladder: Ladder, now: datetime, enrolled_on: date, zone: ZoneInfo) -> datetime:
    """Until when a tier reached by ``rising_span`` is safe.

    With the next period the tier lasts that period: it is not lengthened by the
    days on which nobody looked.
    """
    if ladder.rises == "at_once":
        return term_ends(ladder, now, enrolled_on, zone)
    began = period_begins(ladder, now, enrolled_on, zone).astimezone(zone).date()
    match ladder.window:
        case "rolling":
            return midnight(began + timedelta(days=ladder.term_days), zone)
        case "calendar_year":
            return midnight(date(began.year + 1, 1, 1), zone)
        case "anniversary":
            return midnight(_years_after(began, enrolled_on, 1), zone)


def review_span(
    ladder: Ladder, standing: Standing, now: datetime, enrolled_on: date, zone: ZoneInfo
) -> Span:
    """What counts at the review: the whole window before the term's end, and the grace after it."""
    last = standing.valid_until - _TICK
    return Span(window_begins(ladder, last, enrolled_on, zone), now)


def review_term(ladder: Ladder, now: datetime, enrolled_on: date, zone: ZoneInfo) -> datetime:
    """Until when the tier of a review is safe: as long as one that is reached then.

    A review that comes so late that even that is over gives the time from now on.
    """
    term = rising_term(ladder, now, enrolled_on, zone)
    return term if term > now else term_ends(ladder, now, enrolled_on, zone)


def is_due(ladder: Ladder, standing: Standing, now: datetime) -> bool:
    return standing.valid_until + timedelta(days=ladder.grace_days) <= now


def rise(
    ladder: Ladder, standing: Standing | None, counted: Counted, term: datetime, now: datetime
) -> Verdict | None:
    """A purchase or a night between reviews: up when the figure says so, never down.

    A term that is over already lifts nobody: so many days were skipped.
    """
    reached = ladder.level_for(counted)
    if reached is None or term <= now:
        return None
    if standing and ladder.level(standing.tier_id).rank >= reached.rank:
        return None
    return Verdict(reached, term, "reached")


def review(ladder: Ladder, standing: Standing, counted: Counted, term: datetime) -> Verdict:
    """The term is over: kept when the figure still reaches the tier, else the landing rule."""
    now = ladder.level(standing.tier_id)
    reached = ladder.level_for(counted)
    if reached and reached.rank >= now.rank:
        return Verdict(reached, term, "kept" if reached.rank == now.rank else "reached")
    landed = _landed(ladder, now, reached)
    return Verdict(landed, term if landed else None, "dropped")


def _landed(ladder: Ladder, now: Level, reached: Level | None) -> Level | None:
    place = ladder.levels.index(now)
    match ladder.landing:
        case "by_result":
            return reached
        case "one_step":
            return ladder.levels[place - 1] if place else reached
        case "lowest":
            lowest = ladder.levels[0]
            return lowest if place else reached


def missing(
    ladder: Ladder, standing: Standing | None, counted: Counted
) -> tuple[Level, Counted] | None:
    """The next tier up and what is missing of its figures; None at the top."""
    rank = ladder.level(standing.tier_id).rank if standing else -1
    above = [level for level in ladder.levels if level.rank > rank]
    return (above[0], lacking(ladder, above[0], counted)) if above else None


def lacking(ladder: Ladder, level: Level, counted: Counted) -> Counted:
    """What of a tier's figures is missing. Nothing when one of two is enough and is there."""
    if ladder.is_reached(level, counted):
        return Counted()
    by_visits = max((level.visits or 0) - counted.visits, 0)
    return Counted(max(level.threshold - counted.value, 0), by_visits)


def last_anniversary(enrolled_on: date, today: date) -> date:
    """The last day on which membership turned a year; 29 February is kept on 1 March."""
    years = today.year - enrolled_on.year
    this_year = _years_after(enrolled_on, enrolled_on, years)
    if this_year <= today:
        return this_year
    return _years_after(enrolled_on, enrolled_on, years - 1)


def _years_after(day: date, enrolled_on: date, years: int) -> date:
    year = day.year + years
    try:
        return date(year, enrolled_on.month, enrolled_on.day)
    except ValueError:
        return date(year, 3, 1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def faults(levels: Sequence[tuple[str, int]]) -> list[str]:
    """Codes of thresholds that do not rise from tier to tier."""
    return [
        code
        for (code, threshold), (_before, lower) in zip(levels[1:], levels, strict=False)
        if threshold <= lower
    ]
