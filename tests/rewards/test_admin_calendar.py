"""The calendar of promotions: days, load, conflicts, filters."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loyalty_crm.kernel import clock
from rewards.admin.promotion_calendar import span_of, stretches
from rewards.services import promotions
from tests.factories.members import BrandFactory, CategoryFactory, ProductFactory, StoreFactory
from tests.factories.promotions import TILL, make_programme
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db
MARCH = "/admin/rewards/promotion/calendar/?from=2099-03"
OFF = {"effects": [{"kind": "percent_off", "basis_points": 1000}]}


def day(number, month=3):
    return datetime(2099, month, number, tzinfo=ZoneInfo("America/New_York"))


def run(code, first, end, **parts):
    """A promotion scheduled from the morning of one day of March 2099 to that of another."""
    programme = make_programme(time_zone="America/New_York")
    made = promotions.create(programme=programme, code=code, name=code, actor=TILL)
    version = promotions.draft(promotion=made, definition={**OFF, **parts}, actor=TILL)
    return promotions.schedule(version=version, starts_at=first, ends_at=end, actor=TILL)


def bars(address=MARCH, role="analyst"):
    """Name → columns of the days."""
    context = at_desk(role).get(address).context
    return {bar.rule.name: [run[:2] for run in bar.runs] for bar in context["bars"]}


def mine(address=MARCH):
    return {name: runs for name, runs in bars(address).items() if name != "Base earning rule"}


def test_days_are_those_of_the_programmes_clock():
    run("week", day(3), day(10))
    run("over", day(28), day(5, month=4))

    assert mine() == {"week": [(3, 10)], "over": [(28, 32)]}
    assert mine(f"{MARCH.replace('03', '04')}") == {"over": [(1, 5)]}


def test_only_days_on_which_it_can_apply_are_drawn():
    wednesdays = {"kind": "schedule", "weekdays": [3]}
    late = {"kind": "schedule", "first_day": "2099-03-10", "last_day": "2099-03-12"}
    run("wed", day(1), day(15), when={"all": [wednesdays]})
    run("late", day(1), day(31), when={"all": [late]})

    assert mine() == {"wed": [(4, 5), (11, 12)], "late": [(10, 13)]}


def test_drafts_and_what_was_put_away_have_no_days():
    programme = make_programme()
    made = promotions.create(programme=programme, code="d", name="d", actor=TILL)
    version = promotions.draft(promotion=made, definition=OFF, actor=TILL)
    assert mine() == {}

    promotions.discard(version=version, actor=TILL)

    assert mine() == {}


def test_a_paused_promotion_is_drawn_up_to_its_pause():
    programme = make_programme()
    made = promotions.create(programme=programme, code="p", name="p", actor=TILL)
    promotions.publish(promotion=made, definition=OFF, actor=TILL)
    promotions.pause(promotion=made, actor=TILL)
    today = clock.now().date()

    address = f"/admin/rewards/promotion/calendar/?from={today:%Y-%m}"

    assert bars(address)["p"] == [(1, today.day + 1)]


def test_the_load_counts_what_runs_on_each_day():
    run("one", day(3), day(6))
    run("two", day(5), day(9))

    load = at_desk("analyst").get(MARCH).context["load"]

    # The base earning rule runs every day.
    assert [one["count"] for one in load[:10]] == [1, 1, 2, 2, 3, 2, 2, 2, 1, 1]
    assert load[4]["percent"] == 100


def test_promotions_that_share_days_and_goods_are_told_of_each_other():
    run("one", day(3), day(6))
    run("two", day(5), day(9))
    run("three", day(9), day(12))
    run(
        "four", day(3), day(6), goods={"include": {"skus": ["tea"]}}, stacking={"not_with": ["one"]}
    )

    found = {bar.rule.name: bar.conflicts for bar in at_desk("analyst").get(MARCH).context["bars"]}

    assert len(found["one"]) == 1
    assert "two" in found["one"][0]
    assert found["three"] == []
    assert ["two" in said for said in found["four"]] == [True]


def test_the_calendar_of_one_store():
    StoreFactory(code="S1")
    here = {"kind": "stores", "codes": ["S1"]}
    run("here", day(3), day(6), when={"all": [here]})
    run("there", day(3), day(6), when={"all": [{**here, "codes": ["S2"]}]})
    run("pilot", day(3), day(6), pilot={"stores": ["S2"]})

    assert mine(f"{MARCH}&store=S1") == {"here": [(3, 6)]}


@pytest.mark.parametrize(
    ("typed", "names"),
    [("tea", {"tea", "hot", "leaf", "all"}), ("hot", {"hot", "all"}), ("soap", {"all", "no-tea"})],
)
def test_the_calendar_of_some_goods(typed, names):
    ProductFactory(sku="tea", category=CategoryFactory(code="hot"), brand=BrandFactory(code="leaf"))
    run("tea", day(3), day(6), goods={"include": {"skus": ["tea"]}})
    run("hot", day(3), day(6), goods={"include": {"categories": ["hot"]}})
    run("leaf", day(3), day(6), goods={"include": {"brands": ["leaf"]}})
    run("all", day(3), day(6))
    run("no-tea", day(3), day(6), goods={"exclude": {"skus": ["tea"], "categories": ["hot"]}})

    assert mine(f"{MARCH}&goods={typed}").keys() == names


@pytest.mark.parametrize(
    ("first", "name", "days"),
    [("2099-03", "month", 31), ("2099-12", "quarter", 90), ("x", "year", 28), ("9999-12", "", 28),
     ("0000-00", "quarter", 89)],
)  # fmt: skip
def test_any_address_leads_to_some_months(first, name, days):
    assert len(span_of(first, name, date(2026, 2, 7)).days) == days


def test_days_in_a_row_are_one_stretch():
    first = date(2099, 3, 1)
    days = [first + timedelta(days=n) for n in (0, 1, 4, 6, 7)]

    assert stretches(days, first) == [(1, 3), (5, 6), (7, 9)]


def test_an_empty_month_says_so():
    make_programme()
    promotions.end(promotion=make_programme().promotions.get(), actor=TILL)

    assert "Nothing runs in this time." in at_desk("analyst").get(MARCH).content.decode()


def test_the_calendar_costs_the_same_however_much_runs():
    run("one", day(3), day(6), goods={"include": {"categories": ["hot"]}})
    desk = at_desk("analyst")
    few = len(cost_of(desk, MARCH))

    for number in range(6):
        run(f"more-{number}", day(3), day(6), goods={"include": {"categories": ["hot"]}})

    assert len(cost_of(desk, MARCH)) == few
