"""Welcome, birthday and anniversary: exactly one per member and year, whatever the job missed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Member
from members.services.people import enrol_member, update_member
from rewards.models import Bonus, Occasion
from rewards.rules.bonuses import Reward
from rewards.services import bonuses, occasions
from rewards.services.occasions.giving import _members
from rewards.services.wallets import freeze_wallet
from tests.concurrency import race
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.rewards.beyond_tools import balance

pytestmark = pytest.mark.django_db

ALL_KEYS = [
    (date(2024, 1, 1) + timedelta(days=n)).month * 100 + (date(2024, 1, 1) + timedelta(days=n)).day
    for n in range(366)
]


def occasion_of(kind="birthday", zone="UTC", **settings):
    programme = make_programme(time_zone=zone)
    return occasions.save_occasion(
        programme=programme,
        kind=kind,
        reward=Reward(kind="points", amount=100, valid_days=30),
        today=date(2026, 1, 1),
        is_active=True,
        actor=SYSTEM,
        **settings,
    )


def run(occasion, day, hour=12):
    occasion.refresh_from_db()
    zone = ZoneInfo(occasion.programme.time_zone)
    now = datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC)
    return occasions.run_occasion(occasion=occasion, now=now).given


def test_the_database_gives_each_birth_date_once_with_skipped_days_and_repeats():
    """Every 9th date and the leap day, 2027–2028, the job down for three days now and then."""
    occasion = occasion_of(leap="later")
    keys = sorted({*ALL_KEYS[::30], 229, 228, 301, 1231, 101})
    members = {MemberFactory(birth_date=date(1992, key // 100, key % 100)).pk: key for key in keys}
    day, number = date(2027, 1, 1), 0
    while day <= date(2028, 12, 31):
        run(occasion, day)
        number += 1
        day += timedelta(days=4 if number % 5 else 1)
        day = min(day, date(2028, 12, 31)) if day.year == 2029 else day
        if number > 400:
            break
    run(occasion, date(2028, 12, 31))

    counted = Counter(Bonus.objects.values_list("member_id", "day__year"))
    assert counted == Counter({(pk, year): 1 for pk in members for year in (2027, 2028)})
    leap_days = Bonus.objects.filter(
        member__in=[pk for pk, key in members.items() if key == 229]
    ).values_list("day", flat=True)
    assert sorted(leap_days) == [date(2027, 3, 1), date(2028, 2, 29)]


def test_a_birthday_is_a_day_of_the_programme_not_of_the_server():
    occasion = occasion_of(zone="Pacific/Kiritimati")
    member = MemberFactory(birth_date=date(1990, 5, 1))

    at = datetime(2026, 4, 30, 11, tzinfo=UTC)  # 1 May, 01:00 on Kiritimati
    given_now = occasions.run_occasion(occasion=occasion, now=at).given

    assert (given_now, balance(member)) == (1, 100)
    assert Bonus.objects.get().day == date(2026, 5, 1)


@pytest.mark.parametrize(("zone", "day"), [
    ("Africa/Cairo", date(2026, 4, 24)),  # this day has no midnight
    ("America/Havana", date(2026, 11, 1)),  # this one has it twice
])  # fmt: skip
def test_the_day_the_clocks_change(zone, day):
    occasion = occasion_of(zone=zone)
    MemberFactory(birth_date=date(1990, day.month, day.day))

    assert [run(occasion, day, hour) for hour in (1, 3, 23)] == [1, 0, 0]
    assert run(occasion, day + timedelta(days=1)) == 0


def test_the_window_before_and_after():
    occasion = occasion_of(days_before=3, days_after=2)
    member = MemberFactory(birth_date=date(1990, 5, 10))

    assert run(occasion, date(2026, 5, 6)) == 0
    assert run(occasion, date(2026, 5, 7)) == 1
    late = MemberFactory(birth_date=date(1990, 5, 10))
    assert run(occasion, date(2026, 5, 12)) == 1
    assert (balance(member), balance(late)) == (100, 100)


def test_a_changed_birth_date_brings_no_second_gift():
    occasion = occasion_of()
    member = MemberFactory(birth_date=date(1990, 12, 30))
    assert run(occasion, date(2026, 12, 30)) == 1
    update_member(member=member, changes={"birth_date": date(1990, 1, 3)}, actor=SYSTEM)

    assert run(occasion, date(2027, 1, 3)) == 0
    assert run(occasion, date(2028, 1, 3)) == 1


def test_the_blocked_and_the_frozen_get_none_and_do_not_stop_the_rest():
    occasion = occasion_of(days_after=5)
    born = {"birth_date": date(1990, 5, 1)}
    MemberFactory(status="blocked", **born)
    frozen = WalletFactory(programme=occasion.programme, points=1, member=MemberFactory(**born))
    freeze_wallet(wallet=frozen, reason="looked into", actor=SYSTEM)
    fine = MemberFactory(**born)

    assert run(occasion, date(2026, 5, 1)) == 1
    assert (balance(fine), balance(frozen.member)) == (100, 1)


def test_the_anniversary_of_joining_counts_days_of_the_programme():
    occasion = occasion_of("anniversary", zone="Asia/Vladivostok")
    # 1 June in Vladivostok, still 31 May in Greenwich.
    member = MemberFactory(enrolled_at=datetime(2024, 5, 31, 20, tzinfo=UTC))
    leaper = MemberFactory(enrolled_at=datetime(2024, 2, 29, 3, tzinfo=UTC))

    assert run(occasion, date(2026, 2, 28)) == 1
    assert run(occasion, date(2026, 5, 31)) == 0
    assert run(occasion, date(2026, 6, 1)) == 1
    assert [balance(one) for one in (member, leaper)] == [100, 100]
    newcomer = MemberFactory(enrolled_at=datetime(2026, 6, 2, 3, tzinfo=UTC))
    run(occasion, date(2026, 6, 2))
    assert balance(newcomer) == 0, "nobody has an anniversary on the day of joining"


def test_a_new_member_is_welcomed_once():
    occasion_of("welcome")
    member = enrol_member(language="en", source="web", occurred_at=clock.now(), actor=SYSTEM)

    outbox.drain()
    outbox.drain()

    assert balance(member) == 100
    given_for = Bonus.objects.get()
    assert (given_for.source, given_for.member) == ("welcome", member)


def test_a_gift_is_taken_back():
    occasion = occasion_of()
    member = MemberFactory(birth_date=date(1990, 5, 1))
    run(occasion, date(2026, 5, 1))

    bonuses.take_back([Bonus.objects.get().pk], reason="false birth date", actor=SYSTEM)

    assert balance(member) == 0
    assert run(occasion, date(2026, 5, 1)) == 0, "and does not come again in this year"


def test_off_is_off():
    occasion = occasion_of()
    MemberFactory(birth_date=clock.now().date().replace(year=1992))
    Occasion.objects.update(is_active=False)

    assert occasions.run_due() == 0
    assert occasion.kind == "birthday"


@pytest.mark.django_db(transaction=True)
def test_runs_side_by_side_give_once():
    occasion = occasion_of()
    for _ in range(30):
        MemberFactory(birth_date=date(1990, 5, 1))

    ran = race([partial(run, Occasion.objects.get(pk=occasion.pk), date(2026, 5, 1))] * 4)

    assert ran.overlap > 1
    assert ran.errors == []
    assert sum(ran.results) == Bonus.objects.count() == 30


def test_negative_control_without_the_unique_cause_there_would_be_two():
    occasion = occasion_of()
    MemberFactory(birth_date=date(1990, 5, 1))
    run(occasion, date(2026, 5, 1))
    twin = Bonus.objects.get()
    twin.pk, twin.public_id, twin.tx = None, twin.public_id.__class__(int=1), None

    with pytest.raises(IntegrityError, match="bonus_once_per_cause"), transaction.atomic():
        twin.save(force_insert=True)


def test_the_day_is_found_by_index():
    occasion = occasion_of()
    Member.objects.bulk_create(
        [
            Member(birth_date=date(1990, 1, 1) + timedelta(days=n % 365), enrolled_at=clock.now())
            for n in range(3_000)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE members_member")
    seen = []

    def watch(execute, sql, params, many, context):
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        assert len(_members(occasion, date(2026, 5, 1), 0)) == 8
    with connection.cursor() as cursor:
        sql, params = seen[0]
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "member_birthday" in plan
