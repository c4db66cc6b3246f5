"""The rules of tiers, by hand: windows, terms, rising, reviews with grace and landing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules import tiers
from rewards.rules.tiers import Counted, Ladder, Level, Standing

MOSCOW = ZoneInfo("Europe/Moscow")
BASE, SILVER, GOLD = (
    Level(1, "base", 0, 0),
    Level(2, "silver", 1, 10_000),
    Level(3, "gold", 2, 50_000),
)


NOW = datetime(2030, 6, 1, tzinfo=UTC)


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
    level = ladder().level_for(Counted(value))
    assert level is not None
    assert level.code == code


def test_below_the_first_threshold_there_is_no_tier():
    assert ladder(levels=(SILVER, GOLD)).level_for(Counted(9_999)) is None


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
    up = tiers.rise(ladder(), silver, Counted(60_000), term, NOW)
    assert up is not None
    assert (up.level, up.cause) == (GOLD, "reached")
    assert tiers.rise(ladder(), silver, Counted(0), term, NOW) is None
    assert tiers.rise(ladder(), silver, Counted(10_000), term, NOW) is None
    first = tiers.rise(ladder(), None, Counted(0), term, NOW)
    assert first is not None
    assert first.level == BASE


@pytest.mark.parametrize(
    ("landing", "code"), [("by_result", "base"), ("one_step", "silver"), ("lowest", "base")]
)
def test_where_gold_lands_with_nothing_spent(landing, code):
    verdict = tiers.review(
        ladder(landing=landing), Standing(GOLD.id, at("2030-01-01")), Counted(), at("2031-01-01")
    )
    assert verdict.level is not None
    assert (verdict.level.code, verdict.cause) == (code, "dropped")


@pytest.mark.parametrize("landing", ["by_result", "one_step", "lowest"])
def test_the_lowest_tier_is_lost_only_to_nothing(landing):
    steep = ladder(levels=(SILVER, GOLD), landing=landing)
    verdict = tiers.review(
        steep, Standing(SILVER.id, at("2030-01-01")), Counted(), at("2031-01-01")
    )
    assert (verdict.level, verdict.valid_until) == (None, None)


def test_a_review_keeps_or_lifts():
    standing, term = Standing(SILVER.id, at("2030-01-01")), at("2031-01-01")
    kept = tiers.review(ladder(), standing, Counted(10_000), term)
    assert (kept.level, kept.cause, kept.valid_until) == (SILVER, "kept", term)
    lifted = tiers.review(ladder(), standing, Counted(50_000), term)
    assert (lifted.level, lifted.cause) == (GOLD, "reached")


def test_grace_puts_the_review_off():
    standing = Standing(SILVER.id, at("2030-01-01"))
    waits = ladder(grace_days=14)
    assert tiers.is_due(ladder(), standing, at("2030-01-01"))
    assert not tiers.is_due(waits, standing, at("2030-01-14T23:59"))
    assert tiers.is_due(waits, standing, at("2030-01-15"))


def test_the_way_to_the_next_tier():
    assert tiers.missing(ladder(), Standing(SILVER.id, at("2030-01-01")), Counted(37_000)) == (
        GOLD,
        Counted(13_000),
    )
    assert tiers.missing(ladder(), None, Counted()) == (BASE, Counted())
    assert tiers.missing(ladder(), Standing(GOLD.id, at("2030-01-01")), Counted()) is None


@given(
    value=st.integers(0, 100_000),
    held=st.sampled_from([None, BASE, SILVER, GOLD]),
    landing=st.sampled_from(["by_result", "one_step", "lowest"]),
)
def test_rising_never_lowers_and_a_review_never_lifts_above_the_result(value, held, landing):
    steps, term = ladder(landing=landing), at("2031-01-01")
    standing = Standing(held.id, term) if held else None
    up = tiers.rise(steps, standing, Counted(value), term, NOW)
    assert up is None or up.level is not None
    if up and held:
        assert up.level.rank > held.rank
    if standing and held:
        level = tiers.review(steps, standing, Counted(value), term).level
        assert level is not None
        assert level.rank <= max(held.rank, steps.level_for(Counted(value)).rank)


@pytest.mark.parametrize(
    ("needs", "value", "visits", "code"),
    [
        ("all", 50_000, 9, "base"),
        ("all", 50_000, 10, "gold"),
        ("all", 49_999, 99, "base"),
        ("any", 0, 10, "gold"),
        ("any", 50_000, 0, "gold"),
        ("any", 49_999, 9, "base"),
    ],
)
def test_a_tier_may_need_purchases_beside_the_figure_or_in_its_place(needs, value, visits, code):
    gold = Level(3, "gold", 2, 50_000, visits=10)
    level = ladder(levels=(BASE, gold), needs=needs).level_for(Counted(value, visits))
    assert level is not None
    assert level.code == code


def test_what_is_missing_of_two_figures():
    gold = Level(3, "gold", 2, 50_000, visits=10)
    both, one = (ladder(levels=(BASE, gold), needs=needs) for needs in ("all", "any"))
    assert tiers.lacking(both, gold, Counted(20_000, 12)) == Counted(30_000, 0)
    assert tiers.lacking(one, gold, Counted(20_000, 4)) == Counted(30_000, 6)
    assert tiers.lacking(one, gold, Counted(20_000, 12)) == Counted()


@pytest.mark.parametrize(
    ("window", "begins", "until", "term"),
    [
        # 365 days before March, safe for 365 days of March and after.
        ("rolling", "2029-03-01", "2030-03-01", "2031-03-01"),
        ("calendar_year", "2029-01-01", "2030-01-01", "2031-01-01"),
        ("anniversary", "2028-05-20", "2029-05-20", "2030-05-20"),
    ],
)
def test_with_the_next_period_the_period_before_it_counts(window, begins, until, term):
    steps = ladder(window=window, rises="next_period")
    now, enrolled = at("2030-03-15T14:30"), date(2027, 5, 20)
    span = tiers.rising_span(steps, now, enrolled, MOSCOW)
    assert span.begins == at(begins)
    assert (at(until) - span.until).total_seconds() == 0.000001
    assert tiers.rising_term(steps, now, enrolled, MOSCOW) == at(term)


def test_a_term_that_is_over_lifts_nobody_and_a_late_review_gives_time_from_now_on():
    assert tiers.rise(ladder(), None, Counted(60_000), NOW, NOW) is None
    steps = ladder(rises="next_period", term_days=10)
    now = at("2030-03-15T14:30")
    late = tiers.review_term(steps, now, date(2027, 5, 20), MOSCOW)
    assert late == tiers.term_ends(steps, now, date(2027, 5, 20), MOSCOW) > now
