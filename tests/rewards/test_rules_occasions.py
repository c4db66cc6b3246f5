"""The calendar of gifts: pure arithmetic over all birth dates, time zones and gaps of the job."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.rules.occasions import days_due, keys_of

ALL_KEYS = [
    (date(2024, 1, 1) + timedelta(days=n)).month * 100 + (date(2024, 1, 1) + timedelta(days=n)).day
    for n in range(366)
]
ZONES = [
    "UTC", "Europe/Moscow", "Asia/Kamchatka", "America/New_York", "Pacific/Kiritimati",
    "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Tehran",
    "America/St_Johns", "Asia/Vladivostok", "Europe/London", "America/Sao_Paulo", "Asia/Kolkata",
    "Pacific/Chatham", "Atlantic/Azores", "Asia/Beirut", "America/Havana", "Asia/Almaty",
]  # fmt: skip


@pytest.mark.parametrize("leap", ["earlier", "later"])
def test_every_birth_date_is_celebrated_once_in_every_year(leap):
    """All 366 dates over 2024–2032: pure calendar, no database."""
    for year in range(2024, 2033):
        days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
        seen = Counter(key for day in days if day.year == year for key in keys_of(day, leap))
        assert seen == Counter(ALL_KEYS), year


@settings(max_examples=25)
@given(
    zone=st.sampled_from(ZONES),
    before=st.integers(0, 31),
    after=st.integers(0, 10),
    leap=st.sampled_from(["earlier", "later"]),
    pauses=st.lists(st.integers(1, 4), min_size=40, max_size=40),
    key=st.sampled_from(ALL_KEYS),
)
def test_days_skipped_by_the_job_are_caught_up(zone, before, after, leap, pauses, key):
    """Runs one to four days apart, at local noon, across DST changes: each year exactly one."""
    clock_zone = ZoneInfo(zone)
    moment = datetime(2024, 1, 1, 12, tzinfo=UTC)
    done, given_years = None, set()
    first = moment.astimezone(clock_zone).date()
    number = 0
    while moment.year < 2027:
        today = moment.astimezone(clock_zone).date()
        for _ in range(2):  # and once more: a repeat finds it done
            for day in days_due(today=today, done_until=done, before=before, after=after):
                if key in keys_of(day, leap):
                    given_years.add(day.year)
            done = today
        moment += timedelta(days=pauses[number % len(pauses)])
        number += 1
    celebrated = {
        day.year
        for n in range(365 * 3)
        if (day := first + timedelta(days=n)) <= done and key in keys_of(day, leap)
    }
    assert celebrated <= given_years
