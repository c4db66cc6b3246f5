"""The rules of tiers, by hand: windows, terms, rising, reviews with grace and landing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules import tiers
from rewards.rules.tiers import Ladder, Level, Standing

MOSCOW = ZoneInfo("Europe/Moscow")
BASE, SILVER, GOLD = (
    Level(1, "base", 0, 0),
    Level(2, "silver", 1, 10_000),
    Level(3, "gold", 2, 50_000),
)


def ladder(**fields):
    wanted = {"levels": (BASE, SILVER, GOLD), "window": "rolling", **fields}
    return Ladder(**wanted)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)


@pytest.mark.parametrize(
    ("value", "code"),
    [(0, "base"), (9_999, "base"), (10_000, "silver"), (49_999, "silver"), (50_000, "gold")],
)
def test_thresholds_are_inclusive(value, code):
    level = ladder().level_for(value)
    assert level is not None
    assert level.code == code


def test_below_the_first_threshold_there_is_no_tier():
    assert ladder(levels=(SILVER, GOLD)).level_for(9_999) is None


@pytest.mark.parametrize(
    ("window", "begins", "ends"),
    [
        # 365 days, 15 March 2030 is one of them; a term of 365: all of 15 March 2031 is safe.
        ("rolling", "2029-03-16", "2031-03-16"),
        ("calendar_year", "2030-01-01", "2032-01-01"),
        # Enrolled on 20 May 2027: the year of membership began on 20 May 2029.
        ("anniversary", "2029-05-20", "2031-05-20"),
    ],
)
def test_windows_and_terms_begin_at_midnight_of_the_programme(window, begins, ends):
    now, enrolled = at("2030-03-15T14:30"), date(2027, 5, 20)
    assert tiers.window_begins(ladder(window=window), now, enrolled, MOSCOW) == at(begins)
    assert tiers.term_ends(ladder(window=window), now, enrolled, MOSCOW) == at(ends)


def test_the_day_is_the_programmes_not_the_servers():
    # 22:30 in London is half past midnight of the new year in Moscow (UTC+3 less DST).
    now = datetime(2029, 12, 31, 21, 30, tzinfo=UTC)
    begins = tiers.window_begins(ladder(window="calendar_year"), now, date(2020, 1, 1), MOSCOW)
    assert begins == at("2030-01-01")


@pytest.mark.parametrize(
    ("today", "last"),
    [
        (date(2030, 2, 27), date(2029, 3, 1)),
        (date(2030, 3, 1), date(2030, 3, 1)),
        (date(2032, 2, 28), date(2031, 3, 1)),
        (date(2032, 2, 29), date(2032, 2, 29)),
    ],
)
def test_who_enrolled_on_29_february_turns_a_year_on_1_march(today, last):
    assert tiers.last_anniversary(date(2028, 2, 29), today) == last


def test_up_by_the_figure_and_never_down_between_reviews():
    term = at("2031-01-01")
    silver = Standing(SILVER.id, term)
    up = tiers.rise(ladder(), silver, 60_000, term)
    assert up is not None
    assert (up.level, up.cause) == (GOLD, "reached")
    assert tiers.rise(ladder(), silver, 0, term) is None
    assert tiers.rise(ladder(), silver, 10_000, term) is None
    first = tiers.rise(ladder(), None, 0, term)
    assert first is not None
    assert first.level == BASE


@pytest.mark.parametrize(
    ("landing", "code"), [("by_result", "base"), ("one_step", "silver"), ("lowest", "base")]
)
def test_where_gold_lands_with_nothing_spent(landing, code):
    verdict = tiers.review(
        ladder(landing=landing), Standing(GOLD.id, at("2030-01-01")), 0, at("2031-01-01")
    )
    assert verdict.level is not None
    assert (verdict.level.code, verdict.cause) == (code, "dropped")


@pytest.mark.parametrize("landing", ["by_result", "one_step", "lowest"])
def test_the_lowest_tier_is_lost_only_to_nothing(landing):
    steep = ladder(levels=(SILVER, GOLD), landing=landing)
    verdict = tiers.review(steep, Standing(SILVER.id, at("2030-01-01")), 0, at("2031-01-01"))
    assert (verdict.level, verdict.valid_until) == (None, None)


def test_a_review_keeps_or_lifts():
    standing, term = Standing(SILVER.id, at("2030-01-01")), at("2031-01-01")
    kept = tiers.review(ladder(), standing, 10_000, term)
    assert (kept.level, kept.cause, kept.valid_until) == (SILVER, "kept", term)
    lifted = tiers.review(ladder(), standing, 50_000, term)
    assert (lifted.level, lifted.cause) == (GOLD, "reached")


def test_grace_puts_the_review_off():
    standing = Standing(SILVER.id, at("2030-01-01"))
    waits = ladder(grace_days=14)
    assert tiers.is_due(ladder(), standing, at("2030-01-01"))
    assert not tiers.is_due(waits, standing, at("2030-01-14T23:59"))
    assert tiers.is_due(waits, standing, at("2030-01-15"))


def test_the_way_to_the_next_tier():
    assert tiers.missing(ladder(), Standing(SILVER.id, at("2030-01-01")), 37_000) == (GOLD, 13_000)
    assert tiers.missing(ladder(), None, 0) == (BASE, 0)
    assert tiers.missing(ladder(), Standing(GOLD.id, at("2030-01-01")), 0) is None


@given(
    value=st.integers(0, 100_000),
    held=st.sampled_from([None, BASE, SILVER, GOLD]),
    landing=st.sampled_from(["by_result", "one_step", "lowest"]),
)
def test_rising_never_lowers_and_a_review_never_lifts_above_the_result(value, held, landing):
    steps, term = ladder(landing=landing), at("2031-01-01")
    standing = Standing(held.id, term) if held else None
    up = tiers.rise(steps, standing, value, term)
    assert up is None or up.level is not None
    if up and held:
        assert up.level.rank > held.rank
    if standing and held:
        level = tiers.review(steps, standing, value, term).level
        assert level is not None
        assert level.rank <= max(held.rank, steps.level_for(value).rank)
