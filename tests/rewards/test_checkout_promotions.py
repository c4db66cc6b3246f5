"""Rich promotions from the quote to the last return, through the API and the database."""

from __future__ import annotations

from datetime import date

import pytest

from rewards.models import Grant, Purchase
from rewards.services import rule_sets
from tests.factories.members import CardFactory, MemberFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, basket, line, purchase, usd

pytestmark = pytest.mark.django_db
DOUBLE = {"kind": "multiply_points", "tenths": 20}
SET = {
    "kind": "bundle",
    "items": [
        {"goods": {"include": {"skus": ["tea"]}}},
        {"goods": {"include": {"skus": ["cup"]}}, "quantity": 2},
    ],
}


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1")


@pytest.fixture
def card():
    return CardFactory(member=MemberFactory(birth_date=date(1990, 5, 1)))


@pytest.fixture
def till():
    return Till()


def promotion(code, effect, **parts):
    return make_promotion(rule_sets.default_programme(), code, effect, **parts)


def test_a_quote_tells_of_awards_and_of_what_is_nearly_there(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup", "per": "item"})
    promotion("three", {"kind": "pieces_off", "of": 3, "off": {"kind": "free"}})

    quoted = till.post("quotes", basket(shop, line("tea", 10_00, "2"), card=card), key=None).json()

    assert [(one["kind"], one["code"], one["amount"]) for one in quoted["awards"]] == [
        ("stamps", "cup", 2)
    ]
    [missed] = [one for one in quoted["decisions"] if one["promotion"] == "three"]
    assert (missed["effect"], missed["near"]) == ("pieces_off", True)
    assert missed["text"] == "three: 1 more item to get it"


def test_returns_ask_bundles_and_multipliers_again(shop, card, till):
    promotion("double", DOUBLE, when=SET)
    sold = till.post(
        "purchases",
        purchase(shop, "R-1", line("tea", 10_00), line("cup", 5_00, "3", line=2), card=card),
    ).json()
    assert sold["points"]["earned"] == 50
    refunds = f"purchases/{sold['id']}/refunds"

    lost = [
        till.post(refunds, {"number": number, "lines": [{"line": 2, "quantity": "1"}]}).json()
        for number in ("B-1", "B-2", "B-3")
    ]

    # 5 and 5 doubled; then the set is broken: 5 and all 20 that were doubled; then 5.
    taken = [one["refund"]["points_taken_back"] for one in lost]
    assert taken == [10, 25, 5]
    kept = Purchase.objects.get().pins
    assert [(pin["effect"], pin["granted"]) for pin in kept] == [(0, 25), (0, 25)]
    assert sorted(Grant.objects.values_list("points", flat=True)) == [10, 10, 15, 15]


def test_a_birthday_and_a_second_purchase_are_known_at_the_till(shop, card, till):
    promotion("second", {"kind": "fixed_points", "points": 7},
              when={"kind": "nth_purchase", "numbers": [2]})  # fmt: skip
    promotion("youth", {"kind": "percent_off", "basis_points": 1000},
              when={"kind": "age", "to_years": 120})  # fmt: skip

    earned = [
        till.post("purchases", purchase(shop, number, line("tea", 10_00), card=card)).json()
        for number in ("R-1", "R-2", "R-3")
    ]

    assert [one["points"]["earned"] for one in earned] == [9, 9 + 7, 9]
    assert earned[0]["totals"]["total"] == usd(9_00)
