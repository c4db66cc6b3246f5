"""When points become active and expire: whole days of the programme's time zone (bar 116)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.expiry import NEVER, Lifetime, life_of, next_fixed_date

AT = datetime(2026, 1, 31, 22, 30, tzinfo=UTC)  # 1 February 01:30 in Moscow


def local(moment, zone="Europe/Moscow"):
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("lifetime", "expires"),
    [
        ({"policy": "rolling", "days": 365}, "2027-02-02 00:00"),
        ({"policy": "rolling", "days": 0}, "2026-02-02 00:00"),
        ({"policy": "rolling", "days": 30, "bucket": "month"}, "2026-04-01 00:00"),
        ({"policy": "fixed", "fixed_dates": ("06-30", "12-31")}, "2026-07-01 00:00"),
        ({"policy": "fixed", "fixed_dates": ("02-01",)}, "2027-02-02 00:00"),
        ({"policy": "fixed", "fixed_dates": ("02-29",)}, "2026-03-01 00:00"),
    ],
)
def test_points_can_be_spent_until_the_end_of_their_last_day(lifetime, expires):
    life = life_of(Lifetime(time_zone="Europe/Moscow", **lifetime), AT)

    assert local(life.expires_at) == expires
    assert not life.is_pending


@pytest.mark.parametrize("policy", ["none", "inactivity"])
def test_points_without_a_date_never_expire(policy):
    assert life_of(Lifetime(policy=policy), AT).expires_at == NEVER


def test_a_delay_counts_in_local_days_and_does_not_shorten_the_life():
    lifetime = Lifetime(
        time_zone="Europe/Moscow", policy="rolling", days=10, activation_delay_days=14
    )

    life = life_of(lifetime, AT)

    assert (life.is_pending, local(life.active_at)) == (True, "2026-02-15 00:00")
    assert local(life.expires_at) == "2026-02-26 00:00"


def test_a_day_that_begins_at_one_in_the_morning_has_a_beginning():
    """Beirut skips from 00:00 to 01:00 on 29 March 2026."""
    before = datetime(2026, 3, 27, 12, tzinfo=UTC)

    life = life_of(Lifetime(time_zone="Asia/Beirut", policy="rolling", days=1), before)

    assert local(life.expires_at, "Asia/Beirut") in {"2026-03-29 01:00", "2026-03-28 23:00"}
    assert life.expires_at > before + timedelta(days=1)


def test_the_fixed_date_is_never_the_day_of_the_sale():
    assert next_fixed_date(date(2026, 6, 30), ["06-30", "12-31"]) == date(2026, 12, 31)
    assert next_fixed_date(date(2026, 12, 31), ["06-30", "12-31"]) == date(2027, 6, 30)
    assert next_fixed_date(date(2027, 2, 28), ["02-29"]) == date(2028, 2, 29)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["UTC", "Europe/Moscow", "America/St_Johns", "Pacific/Apia", "Asia/Beirut"]),
    st.sampled_from(["day", "month"]),
    st.integers(0, 800),
)
def test_sales_of_one_local_day_share_a_lot_and_later_sales_never_expire_earlier(
    at, zone, bucket, days
):
    lifetime = Lifetime(time_zone=zone, policy="rolling", days=days, bucket=bucket)
    day = at.astimezone(ZoneInfo(zone)).date()
    later = at + timedelta(hours=5)

    one, two = life_of(lifetime, at).expires_at, life_of(lifetime, later).expires_at

    assert one <= two
    assert one > at
    if later.astimezone(ZoneInfo(zone)).date() == day:
        assert one == two
