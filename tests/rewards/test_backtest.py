"""Back-tests: figures by hand, nothing written, the same result however often they are stopped."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest
from django.db import connection
from msgspec.structs import replace

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import Job
from members.models import (
    MemberTag,
    PriceList,
    PriceListEntry,
    Product,
    ProductList,
    StoreGroup,
    Tag,
)
from rewards.models import BackTest, Purchase, TierEvaluation, TierStructure
from rewards.rules.quote import quote
from rewards.rules.rule_set import RuleSet
from rewards.rules.terms import Terms
from rewards.services import tiers
from rewards.services.tiers.ladders import Step
from rewards.services.tryout import backtests
from rewards.services.tryout.reading import reading
from rewards.services.tryout.replay import as_it_stands
from rewards.services.tryout.work import Pace
from tests.rewards.rule_examples import line, sale
from tests.rewards.tryout_shop import AUTHOR, DOUBLE, TryoutShop, finish, rows

pytestmark = pytest.mark.django_db(transaction=True)

TEN_OFF_FOOD = {
    "goods": {"include": {"categories": ["food"]}},
    "effects": [{"kind": "percent_off", "basis_points": 1000}],
}


@pytest.fixture
def shop():
    return TryoutShop()


def four_sales(shop):
    """Turnover 20 + 5 + 10 + 15; goods cost 8 + 1 + 4 + 5; points 20 + 5 + 0 + 15."""
    shop.sell(("tea", 1000, 2), card=shop.anna, days_ago=12)
    shop.sell(("soap", 500), card=shop.boris, days_ago=11)
    shop.sell(("tea", 1000), store=1, days_ago=11)
    shop.sell(("tea", 1000), ("soap", 500), card=shop.anna, store=1, days_ago=3)


def test_the_totals_by_hand(shop):
    four_sales(shop)
    shop.draft("tea10", TEN_OFF_FOOD)

    test = shop.run(("tea10", 1))

    # 2.00 + 0 + 1.00 + 1.00 off; points fall to 18 + 5 + 0 + 14.
    assert test.is_done
    assert test.totals == {
        "receipts": 4, "members": 2, "turnover_minor": 5000, "goods_cost_minor": 1800,
        "points_before": 40, "points_after": 37, "discount_before": 0, "discount_after": 400,
        "cost_before": 40, "cost_after": 437, "margin_before": 3160, "margin_after": 2763,
        "gained": 1, "lost": 0,
    }  # fmt: skip
    [winner] = test.members.all()
    assert (winner.member_id, winner.points, winner.discount_minor) == (
        shop.anna.member_id,
        -3,
        300,
    )
    assert winner.value_minor == 297


def test_every_dimension_by_hand(shop):
    four_sales(shop)
    shop.draft("tea10", TEN_OFF_FOOD)

    test = shop.run(("tea10", 1))

    def off(dimension):
        return {key: (c.receipts, c.discount_after) for key, c in rows(test, dimension).items()}

    assert off("store") == {"north": (2, 200), "south": (2, 200)}
    assert off("category") == {"food": (3, 400), "home": (2, 0)}
    assert list(off("day").values()) == [(1, 200), (2, 100), (1, 100)]
    assert sum(receipts for receipts, _ in off("week").values()) == 4
    assert off("promotion")["tea10"] == (3, 400)
    assert rows(test, "promotion")["tea10"].members == 1
    # Anna came twice, Boris once; the sale without a card stands apart.
    assert off("visits") == {"nobody": (1, 100), "1:1": (1, 0), "2:3": (2, 300)}
    assert {key: c.members for key, c in rows(test, "spend").items()} == {
        "nobody": None, "500:3499": 1, "3500:": 1,
    }  # fmt: skip
    for dimension in ("store", "day", "week", "category", "visits", "spend"):
        assert sum(c.turnover_minor for c in rows(test, dimension).values()) == 5000
        assert sum(c.discount_after for c in rows(test, dimension).values()) == 400
        assert sum(c.points_after for c in rows(test, dimension).values()) == 37


def test_without_any_promotion_and_with_one_left_out(shop):
    four_sales(shop)
    shop.draft("tea10", TEN_OFF_FOOD)
    base = shop.programme.promotions.exclude(code="tea10").get().code

    alone = shop.run(("tea10", 1), baseline="none")
    less = shop.run(without=[base])

    assert (alone.totals["points_before"], alone.totals["points_after"]) == (0, 0)
    assert alone.totals["discount_after"] == 400
    assert (less.totals["points_before"], less.totals["points_after"]) == (40, 0)
    assert (less.totals["gained"], less.totals["lost"]) == (0, 2)


def test_only_the_period_and_the_stores_that_were_asked_for(shop):
    four_sales(shop)
    shop.draft("tea10", TEN_OFF_FOOD)
    day = shop.today.date().toordinal() - 11

    south = shop.run(("tea10", 1), period=type(shop.period)(
        first_day=date.fromordinal(day), last_day=date.fromordinal(day), stores=("south",)
    ))  # fmt: skip

    assert (south.totals["receipts"], south.totals["turnover_minor"]) == (1, 1000)


def test_what_was_live_then_gives_what_was_really_granted(shop):
    """The self-check: the rules of then, replayed, come to the stored points and prices."""
    shop.live("tea10", TEN_OFF_FOOD)
    shop.live("fifty", {
        "when": {"all": [{"kind": "nth_purchase", "numbers": [2]}]},
        "effects": [{"kind": "fixed_points", "points": 50}],
    })  # fmt: skip
    shop.sell(("tea", 1000, 2, 150), card=shop.anna, days_ago=12)
    shop.sell(("soap", 500), card=shop.boris, days_ago=11)
    shop.sell(("tea", 1000), ("soap", 500, 1, 20), card=shop.anna, days_ago=5)
    shop.sell(("tea", 999), ("soap", 500), card=shop.anna, days_ago=4, redeem_points=20)
    stored = Purchase.objects.all()
    shop.draft("idle", {
        "goods": {"include": {"skus": ["nothing"]}},
        "effects": [{"kind": "fixed_points", "points": 5}],
    })  # fmt: skip

    test = shop.run(("idle", 1), baseline="past")

    assert test.totals["points_before"] == sum(one.earned for one in stored) > 50
    given = sum(decision["discount_minor"] for one in stored for decision in one.decisions)
    assert test.totals["discount_before"] == given > 0
    assert test.totals["points_after"] == test.totals["points_before"]
    assert (test.totals["gained"], test.totals["lost"]) == (0, 0)


def test_the_buyers_past_is_that_of_the_moment(shop):
    """Every third purchase 100 points; the past before the period and of other stores counts."""
    shop.draft("third", {
        "when": {"all": [{"kind": "nth_purchase", "every": 3}]},
        "effects": [{"kind": "fixed_points", "points": 100}],
    })  # fmt: skip
    for days_ago, store in ((20, 1), (15, 0), (9, 0), (8, 0), (7, 1), (6, 0)):
        shop.sell(("soap", 500), card=shop.anna, store=store, days_ago=days_ago)
    first = date.fromordinal(shop.today.date().toordinal() - 10)

    test = shop.run(("third", 1), period=type(shop.period)(
        first_day=first, last_day=shop.today.date(), stores=("north",)
    ))  # fmt: skip

    # Of the purchases 3, 4, 6 in the north during the period, the third and the sixth.
    assert test.totals["receipts"] == 3
    assert test.totals["points_after"] - test.totals["points_before"] == 200


def test_a_window_of_spend_counts_what_was_bought_before(shop):
    shop.draft("heavy", {
        "when": {"all": [{"kind": "window", "metric": "spend", "days": 7, "at_least": 1500}]},
        "effects": [{"kind": "fixed_points", "points": 10}],
    })  # fmt: skip
    for days_ago in (20, 12, 11, 10):
        shop.sell(("tea", 1000), card=shop.anna, days_ago=days_ago)

    test = shop.run(("heavy", 1))

    assert test.totals["points_after"] - test.totals["points_before"] == 10


def test_limits_are_counted_in_the_order_of_time(shop):
    shop.draft("once", {
        "effects": [{"kind": "fixed_points", "points": 7}],
        "limits": [{"per": "member", "what": "uses", "max": 1},
                   {"per": "total", "what": "points", "max": 10}],
    })  # fmt: skip
    for card, days_ago in ((shop.anna, 9), (shop.anna, 8), (shop.boris, 7), (shop.boris, 6)):
        shop.sell(("soap", 500), card=card, days_ago=days_ago)

    test = shop.run(("once", 1))

    # Anna's first gives 7, Boris' first the 3 that are left.
    assert test.totals["points_after"] - test.totals["points_before"] == 10
    assert rows(test, "promotion")["once"].receipts == 2


def test_a_pilot_on_trial_stays_a_pilot(shop):
    four_sales(shop)
    shop.draft("tea10", {**TEN_OFF_FOOD, "pilot": {"stores": ["south"]}})

    test = shop.run(("tea10", 1))

    assert {k: c.discount_after for k, c in rows(test, "store").items()} == {
        "north": 0, "south": 200,
    }  # fmt: skip


def live_tables():
    """Every table but the back-tests' own and the jobs: rows, and the last that wrote them."""
    own = ("rewards_backtest", "kernel_job", "django_", "kernel_outbox")
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            if not table.startswith(own):
                cursor.execute(f'SELECT count(*), max(xmin::text::bigint) FROM "{table}"')
                found[table] = cursor.fetchone()
    return found


def test_nothing_of_the_shop_is_written(shop):
    four_sales(shop)
    shop.draft("tea10", TEN_OFF_FOOD)
    test = shop.start(("tea10", 1))
    before = live_tables()

    finish(most=2, turn=0.0)

    assert BackTest.objects.with_job().get(pk=test.pk).is_done
    assert live_tables() == before
    assert len(before) > 30


def test_the_session_that_reads_cannot_write(shop):
    with reading() as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.rows("UPDATE members_store SET name = 'x' RETURNING id", {})


class Killed(BaseException):
    """As if the process had died: nothing is tidied up."""


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(shop, monkeypatch):
    shop.live("once", {
        "effects": [{"kind": "fixed_points", "points": 7}],
        "limits": [{"per": "member", "what": "uses", "max": 2}],
    })  # fmt: skip
    for n in range(12):
        card = (shop.anna, shop.boris)[n % 2]
        shop.sell(("tea", 1000 + n), ("soap", 500), card=card, days_ago=15 - n)
    shop.draft("second", {
        "when": {"all": [{"kind": "nth_purchase", "every": 2}]},
        "effects": [{"kind": "fixed_points", "points": 11}],
    })  # fmt: skip
    whole = shop.run(("second", 1))
    test = shop.start(("second", 1))
    keep, calls = backtests._keep, []

    def dies(*args):
        keep(*args)
        calls.append(1)
        if len(calls) == 2:
            raise Killed

    monkeypatch.setattr(backtests, "_keep", dies)
    with pytest.raises(Killed):
        backtests.run_next(pace=Pace(turn=1000.0, keep=0.0), most=3)
    monkeypatch.setattr(backtests, "_keep", keep)
    stuck = Job.objects.get(pk=test.job_id)
    assert (stuck.state, stuck.done) == ("running", 6)
    assert not backtests.run_next()  # it is still believed to live
    Job.objects.filter(pk=stuck.pk).update(heartbeat_at="2020-01-01T00:00Z")

    finish(most=3)

    resumed = BackTest.objects.with_job().get(pk=test.pk)
    assert resumed.is_done
    assert resumed.totals == whole.totals
    for dimension in ("day", "store", "category", "visits", "spend", "promotion"):
        assert as_rows(resumed, dimension) == as_rows(whole, dimension)
    assert whole.totals["points_after"] - whole.totals["points_before"] == 6 * 11


def as_rows(test, dimension):
    names = [f.name for f in test.cells.model._meta.fields if f.name not in ("id", "test")]
    return list(test.cells.filter(dimension=dimension).order_by("place").values(*names))


def test_turns_of_any_length_come_to_the_same(shop):
    four_sales(shop)
    shop.draft("double", DOUBLE)

    at_once = shop.run(("double", 1))
    test = shop.start(("double", 1))
    finish(most=1, turn=0.0)

    test = BackTest.objects.with_job().get(pk=test.pk)
    assert test.totals == at_once.totals
    assert test.totals["points_after"] == 80


def test_a_cancelled_test_stops_and_leaves_nothing(shop, monkeypatch):
    four_sales(shop)
    shop.draft("double", DOUBLE)
    test = shop.start(("double", 1))
    keep = backtests._keep

    def cancelled_meanwhile(*args):
        backtests.cancel(test=test, actor=AUTHOR)
        keep(*args)

    monkeypatch.setattr(backtests, "_keep", cancelled_meanwhile)
    backtests.run_next(pace=Pace(turn=1000.0, keep=0.0), most=1)

    test = BackTest.objects.with_job().get(pk=test.pk)
    assert test.job.state == "cancelled"
    assert not test.cells.exists()
    assert not backtests.run_next()


def test_a_broken_test_says_so_and_does_not_come_back(shop, monkeypatch):
    four_sales(shop)
    shop.draft("double", DOUBLE)
    test = shop.start(("double", 1))

    def fails(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(backtests, "sides_of_test", fails)
    with pytest.raises(ZeroDivisionError):
        backtests.run_next()

    assert Job.objects.get(pk=test.job_id).error == "ZeroDivisionError"
    assert not backtests.run_next()


def test_the_same_number_of_statements_for_any_number_of_receipts(shop):
    shop.draft("double", DOUBLE)

    def statements():
        shop.start(("double", 1))
        seen = []
        with connection.execute_wrapper(
            lambda execute, sql, *rest: (seen.append(sql), execute(sql, *rest))[1]
        ):
            read = count_reads()
            finish()
            return len(seen), read()

    shop.sell(("tea", 1000), card=shop.anna)
    few = statements()
    for _ in range(30):
        shop.sell(("tea", 1000), ("soap", 500), card=shop.boris)

    assert statements() == few


def count_reads():
    """Statements of the session that only reads, from now on."""
    from rewards.services.tryout import reading as module  # noqa: PLC0415

    seen, real = [], module.Reader.rows

    def rows(self, sql, values):
        seen.append(sql)
        return real(self, sql, values)

    module.Reader.rows = rows

    def told():
        module.Reader.rows = real
        return len(seen)

    return told


def test_no_promotion_is_what_an_empty_rule_set_says():
    basket = sale(line(2, "tea", 500, manual_discount_minor=20), line(1, "rice", 300))

    bare = as_it_stands(basket)
    asked = quote(basket, RuleSet([], Terms()))

    assert bare == replace(asked, payment=bare.payment)
    assert (bare.discount_minor, bare.total_minor) == (20, 780)


def test_lists_attributes_prices_and_groups_reach_the_rules_of_the_past(shop):
    """Green goods of a list in a region at the members' price: 10.00 for 7.00, once."""
    tea = Product.objects.get(sku="tea")
    Product.objects.filter(sku="tea").update(attributes={"colour": "green"})
    ProductList.objects.create(code="hot", name="Hot").products.add(tea)
    club = PriceList.objects.create(code="club", name="Club")
    PriceListEntry.objects.create(price_list=club, product=tea, price_minor=700)
    StoreGroup.objects.create(code="region", name="Region").stores.add(shop.stores[1])
    shop.draft("club", {
        "goods": {"include": {"lists": ["hot"], "attributes": {"colour": ["green"]}}},
        "when": {"all": [{"kind": "store_groups", "codes": ["region"]}]},
        "effects": [{"kind": "price_list", "code": "club"}],
    })  # fmt: skip
    four_sales(shop)

    test = shop.run(("club", 1))

    # Two teas in the south: one of nobody, one of Anna.
    assert {k: c.discount_after for k, c in rows(test, "store").items()} == {
        "north": 0, "south": 600,
    }  # fmt: skip


def test_tiers_and_tags_are_those_of_the_moment(shop):
    """Anna turned gold, and a friend, eight days ago: one purchase before it, one after."""
    ladder = TierStructure(programme=shop.programme, code="club", name="Club", is_primary=True)
    steps = [Step("base", "Base", 0), Step("gold", "Gold", 10**9)]
    tiers.save_structure(structure=ladder, steps=steps, actor=SYSTEM)
    then = shop.today - timedelta(days=8)
    TierEvaluation.objects.create(
        structure=ladder, member=shop.anna.member, at=then, cause="granted",
        to_tier=ladder.tiers.get(code="gold"), actor="system:test",
    )  # fmt: skip
    tag = Tag.objects.create(code="friend", name="Friend")
    MemberTag.objects.create(member=shop.anna.member, tag=tag, since=then)
    for days_ago in (12, 5):
        shop.sell(("soap", 500), card=shop.anna, days_ago=days_ago)
        shop.sell(("soap", 500), card=shop.boris, days_ago=days_ago)
    for code, kind in (("gold", "tiers"), ("friend", "tags")):
        shop.draft(code, {
            "when": {"all": [{"kind": kind, "codes": [code]}]},
            "effects": [{"kind": "fixed_points", "points": 100}],
        })  # fmt: skip

    for code in ("gold", "friend"):
        test = shop.run((code, 1))
        assert test.totals["points_after"] - test.totals["points_before"] == 100, code
