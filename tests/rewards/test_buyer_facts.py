"""What the rules learn about the buyer at the till: only what some rule asks for, in one query."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from loyalty_crm.kernel import clock
from rewards.rules.basket import Window
from rewards.services import rule_sets
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.facts import basket_of, read_facts, read_facts_of_many
from tests.factories.members import (
    CardFactory,
    CategoryFactory,
    MemberFactory,
    ProductFactory,
    StoreFactory,
)
from tests.factories.promotions import (
    NOON,
    TILL,
    ask_for,
    asked,
    make_programme,
    make_promotion,
    sale_of,
)

pytestmark = pytest.mark.django_db
BONUS = {"kind": "fixed_points", "points": 5}
ASKING = [
    {"kind": "nth_purchase", "numbers": [3]},
    {"kind": "last_purchase", "min_days": 1},
    {"kind": "window", "metric": "spend", "days": 5, "at_least": 1},
    {"kind": "window", "metric": "visits", "period": "month", "at_least": 1},
    {"kind": "first_of_category", "codes": ["drinks", "food"]},
    {"kind": "birthday"},
]


@pytest.fixture
def shop():
    make_programme()
    food = CategoryFactory(code="food")
    ProductFactory(sku="tea", category=CategoryFactory(code="drinks", parent=food))
    ProductFactory(sku="soap", category=CategoryFactory(code="home"))
    return StoreFactory(time_zone="Europe/Moscow")


@pytest.fixture
def card():
    return CardFactory(member=MemberFactory(birth_date=date(2000, 2, 29)))


def sell(store, card, number, days_ago, sku="soap", price=10_00):
    at = NOON - timedelta(days=days_ago)
    ask = ask_for(store, asked(1, sku, price), card=card, occurred_at=at)
    compiled = rule_sets.current()
    commit_purchase(sale=sale_of(ask, number), compiled=compiled, now=clock.now(), actor=TILL)


def buyer(store, card):
    compiled = rule_sets.current()
    ask = ask_for(store, asked(1, "tea", 5_00), card=card)
    return basket_of(ask, read_facts(ask, compiled), compiled).member


def test_nothing_is_computed_that_no_rule_asks_for(shop, card):
    sell(shop, card, "1", 2)

    facts = buyer(shop, card)

    assert (facts.purchases, facts.windows, facts.known_categories) == (None, {}, None)
    assert facts.birth_date == date(2000, 2, 29)


def test_what_rules_ask_for_comes_with_the_same_one_query(
    shop, card, django_assert_num_queries, monkeypatch
):
    make_promotion(rule_sets.default_programme(), "asks", BONUS, when={"any": ASKING})
    sell(shop, card, "1", 20)
    sell(shop, card, "2", 5, price=7_00)
    sell(shop, card, "3", 2)
    compiled = rule_sets.current()
    ask = ask_for(shop, asked(1, "tea", 5_00), card=card)

    with django_assert_num_queries(1):
        facts = read_facts(ask, compiled)

    member = basket_of(ask, facts, compiled).member
    assert (member.purchases, member.last_purchase_on) == (3, date(2026, 3, 2))
    assert member.windows == {"5d": Window(17_00, 2), "month": Window(10_00, 1)}
    assert member.known_categories == frozenset()
    assert basket_of(ask, read_facts_of_many([(ask, "9")], compiled)[0], compiled).member == member


def test_a_category_is_known_by_anything_below_it(shop, card):
    make_promotion(rule_sets.default_programme(), "asks", BONUS, when={"any": ASKING})
    sell(shop, card, "1", 2, sku="tea")

    assert buyer(shop, card).known_categories == {"drinks", "food"}
