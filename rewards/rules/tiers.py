"""Tiers: what a member's figures of a window mean for the place on the ladder. Pure.

Up at once (or when the next period begins), down only when the tier's time is
over. A window is the member's last days, the calendar year, or the year since
the day of enrolment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

Window = Literal["rolling", "calendar_year", "anniversary"]
Landing = Literal["by_result", "one_step", "lowest"]
Cause = Literal["reached", "kept", "dropped", "granted", "ended"]


class Level(msgspec.Struct, frozen=True):
    """One tier: its id, its place from 0 up, and the figure from which it begins."""

    id: int
    code: str
    rank: int
    threshold: int


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A structure of tiers. ``levels`` stand by rank, thresholds rise with them."""

    levels: tuple[Level, ...]
    window: Window
    window_days: int = 365
    term_days: int = 365
    up_at_once: bool = True
    landing: Landing = "by_result"
    grace_days: int = 0

    def level_for(self, value: int) -> Level | None:
        """The highest tier that the figure reaches; None below the first."""
        reached = [level for level in self.levels if level.threshold <= value]
        return reached[-1] if reached else None

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


def review_begins(
    ladder: Ladder, standing: Standing, enrolled_on: date, zone: ZoneInfo
) -> datetime:
    """From when on receipts count at the review: the whole window before the term's end."""
    return window_begins(
        ladder, standing.valid_until - timedelta(microseconds=1), enrolled_on, zone
    )


def is_due(ladder: Ladder, standing: Standing, now: datetime) -> bool:
    return standing.valid_until + timedelta(days=ladder.grace_days) <= now


def rise(ladder: Ladder, standing: Standing | None, value: int, term: datetime) -> Verdict | None:
    """A purchase or a night between reviews: up when the figure says so, never down."""
    reached = ladder.level_for(value)
    if reached is None:
        return None
    if standing and ladder.level(standing.tier_id).rank >= reached.rank:
        return None
    return Verdict(reached, term, "reached")


def review(ladder: Ladder, standing: Standing, value: int, term: datetime) -> Verdict:
    """The term is over: kept when the figure still reaches the tier, else the landing rule."""
    now = ladder.level(standing.tier_id)
    reached = ladder.level_for(value)
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


def missing(ladder: Ladder, standing: Standing | None, value: int) -> tuple[Level, int] | None:
    """The next tier up and how much of the figure is missing; None at the top."""
    rank = ladder.level(standing.tier_id).rank if standing else -1
    above = [level for level in ladder.levels if level.rank > rank]
    return (above[0], max(above[0].threshold - value, 0)) if above else None


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
