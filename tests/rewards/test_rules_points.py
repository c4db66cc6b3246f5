"""Every points effect and award by hand, at the sale and after goods have come back."""

from __future__ import annotations

import pytest

from rewards.rules import returns
from rewards.rules.answers import Left
from rewards.rules.effects import Award
from rewards.rules.quote import quote
from rewards.rules.returns import SoldLine
from rewards.rules.rule_set import RuleSet
from rewards.rules.terms import Terms
from tests.rewards.rule_examples import MEMBER, line, rule, sale

TEA = line(1, "tea", 30_50)
CUP = line(2, "cup", 20_00, quantity_milli=4000)


def earned(effect, *lines, terms=None, **details):
    rules = RuleSet([rule(1, "rule", effect=effect, **details)], terms or Terms())
    return quote(sale(*lines, member=MEMBER), rules).earned


@pytest.mark.parametrize(
    ("effect", "points"),
    [
        ({"kind": "earn_rate", "points": 1, "per_minor": 1_00}, 50),
        # 50.50 has five full tens: 5 x 3.
        ({"kind": "earn_rate", "points": 3, "per_minor": 10_00, "whole_steps": True}, 15),
        ({"kind": "earn_rate", "points": 3, "per_minor": 10_00, "whole_steps": True,
          "scope": "line"}, 15),
        ({"kind": "earn_rate", "points": 1, "per_minor": 1_00,
          "tiers": [{"from_minor": 50_00, "points": 2}]}, 101),
        ({"kind": "earn_items", "points": 2}, 10),
        # By the unit of quantity it is the same for whole pieces: one and four.
        ({"kind": "earn_items", "points": 2, "by": "quantity"}, 10),
        ({"kind": "fixed_points", "points": 7}, 7),
        # 5 % of 50.50 is 2.525: two points and a half, at 1.00 a point.
        ({"kind": "cashback", "basis_points": 500}, 2),
        ({"kind": "tiered_points", "by": "amount", "steps": [
            {"start": 20_00, "points": 10}, {"start": 50_00, "points": 40},
            {"start": 60_00, "points": 90}]}, 40),
        ({"kind": "tiered_points", "by": "quantity", "steps": [{"start": 5, "points": 4}]}, 4),
        ({"kind": "tiered_points", "by": "quantity", "steps": [{"start": 6, "points": 4}]}, 0),
    ],
)  # fmt: skip
def test_what_a_tea_and_four_cups_earn(effect, points):
    assert earned(effect, TEA, CUP, terms=Terms(point_value_minor=100)) == points


def test_a_multiplier_adds_to_the_base_points_of_its_goods():
    rules = RuleSet(
        [
            rule(1, "base", points=1),
            rule(2, "double-tea", effect={"kind": "multiply_points", "tenths": 20},
                 include={"skus": ["tea"]}),
            rule(3, "half-more", effect={"kind": "multiply_points", "tenths": 15}),
        ],
        Terms(),
    )  # fmt: skip

    result = quote(sale(TEA, CUP, member=MEMBER), rules)

    # 50 base; 30.5 more for the tea; half of 50.5 for everything. Each rounded down.
    assert {d.promotion: d.points for d in result.decisions} == {
        "base": 50, "double-tea": 30, "half-more": 25,
    }  # fmt: skip


def sold(result):
    return [
        SoldLine(line_no=p.line.line_no, sku=p.line.sku, quantity_milli=p.line.quantity_milli,
                 net_minor=p.net_minor, points_paid_minor=p.points_paid_minor)
        for p in result.lines
    ]  # fmt: skip


def taken_back(rules, result, *returned):
    before = sold(result)
    now = returns.after(before, returned)
    wordings = {one.version_id: one.definition for one in rules.rules}
    found = returns.take_back(result.pins, wordings, rules.terms, before, now)
    return {(back.version_id, back.effect): back.points or back.awards for back in found}


def test_a_return_takes_back_what_the_multiplier_added():
    rules = RuleSet(
        [
            rule(1, "base", points=1),
            rule(2, "x3", effect={"kind": "multiply_points", "tenths": 30}),
        ],
        Terms(),
    )
    result = quote(sale(TEA, CUP, member=MEMBER), rules)
    assert result.earned == 50 + 101

    back = taken_back(rules, result, returns.return_rest(sold(result)[0]))

    # Cups of 20.00 keep 20 and 40.
    assert back == {(1, 0): 30, (2, 0): 61}


ITEMS = [
    {"goods": {"include": {"skus": ["tea"]}}},
    {"goods": {"include": {"skus": ["cup"]}}, "quantity": 3},
]
BUNDLE = {"kind": "bundle", "items": ITEMS}


@pytest.mark.parametrize(("cups_back", "lost"), [(1, 0), (2, 25), (4, 25)])
def test_a_bundle_is_looked_for_again_among_the_goods_kept(cups_back, lost):
    bonus = rule(1, "set", effect={"kind": "fixed_points", "points": 25}, when=BUNDLE,
                 include={"skus": ["tea"]})  # fmt: skip
    rules = RuleSet([bonus], Terms())
    result = quote(sale(TEA, CUP, member=MEMBER), rules)

    back = taken_back(rules, result, returns.return_quantity(sold(result)[1], cups_back * 1000))

    assert back == {(1, 0): lost}


def test_what_no_longer_can_change_stays_as_it_was_at_the_sale():
    """A member in the store S2, or 40.00: it was the 40.00 that counted here."""
    either = {"any": [{"kind": "stores", "codes": ["S2"]},
                      {"kind": "min_spend", "amount_minor": 40_00}]}  # fmt: skip
    bonus = rule(1, "b", effect={"kind": "fixed_points", "points": 9}, when=either)
    rules = RuleSet([bonus], Terms())
    result = quote(sale(TEA, CUP, member=MEMBER), rules)

    assert taken_back(rules, result, returns.return_rest(sold(result)[1])) == {(1, 0): 9}


def test_thresholds_before_discounts_count_the_shelf_price_at_returns_too():
    rules = RuleSet(
        [
            rule(1, "half", effect={"kind": "percent_off", "basis_points": 5000}),
            rule(2, "fifty", effect={"kind": "fixed_points", "points": 8}, min_spend=50_00,
                 thresholds="before_discounts"),
            rule(3, "now", effect={"kind": "fixed_points", "points": 8}, min_spend=50_00),
        ],
        Terms(),
    )  # fmt: skip
    result = quote(sale(TEA, CUP, member=MEMBER), rules)
    assert result.earned == 8
    tea = sold(result)[0]

    # 15.25 was paid for 30.50: a return of 0.25 keeps 50.00 of the shelf price, a cent more not.
    assert taken_back(rules, result, returns.return_amount(tea, 25)) == {(2, 0): 0}
    assert taken_back(rules, result, returns.return_amount(tea, 26)) == {(2, 0): 8}


@pytest.mark.parametrize(
    ("effect", "award"),
    [
        ({"kind": "stamps", "code": "coffee", "per": "item"},
         Award(kind="stamps", code="coffee", amount=5)),
        ({"kind": "draw_tickets", "code": "car", "count": 2, "per": "amount",
          "per_minor": 20_00}, Award(kind="draw_tickets", code="car", amount=4)),
        ({"kind": "next_coupon", "code": "back", "valid_days": 14},
         Award(kind="next_coupon", code="back", valid_days=14)),
        ({"kind": "game_plays", "code": "wheel"}, Award(kind="game_plays", code="wheel")),
        ({"kind": "tag", "code": "tea-lover"}, Award(kind="tag", code="tea-lover")),
        ({"kind": "charity", "code": "forest", "basis_points": 100},
         Award(kind="charity", code="forest", amount=50)),
        ({"kind": "free_delivery"}, Award(kind="free_delivery")),
        ({"kind": "message", "to": "cashier", "text": {"en": "Offer honey"}},
         Award(kind="message", to="cashier", text={"en": "Offer honey"})),
        ({"kind": "gift", "skus": ["mug", "pen"]}, Award(kind="gift", choices=("mug", "pen"))),
        ({"kind": "gift", "skus": ["gone", "pen"]},
         Award(kind="gift", code="pen", choices=("pen",))),
    ],
)  # fmt: skip
def test_what_is_given_besides(effect, award):
    basket = sale(TEA, CUP, member=MEMBER)
    basket = type(basket)(
        store=basket.store, at=basket.at, lines=basket.lines, member=MEMBER, stock={"gone": 0}
    )

    result = quote(basket, RuleSet([rule(1, "offer", effect=effect)], Terms()))

    assert [(given.promotion, given.award) for given in result.awards] == [("offer", award)]


def test_awards_are_asked_again_of_the_goods_kept():
    stamps = rule(1, "s", effect={"kind": "stamps", "code": "coffee", "per": "item"})
    rules = RuleSet([stamps], Terms())
    result = quote(sale(TEA, CUP, member=MEMBER), rules)

    assert taken_back(rules, result, returns.return_quantity(sold(result)[1], 3000)) == {(1, 0): 3}


def test_what_limits_leave_bounds_points_and_money():
    rules = RuleSet(
        [
            rule(1, "points", points=1),
            rule(2, "off", effect={"kind": "amount_off", "amount_minor": 5_00}),
            rule(3, "used-up", effect={"kind": "fixed_points", "points": 5}),
            rule(4, "capped", effect={"kind": "fixed_points", "points": 50},
                 stacking={"caps": {"receipt_points": 12}}),
        ],
        Terms(),
    )  # fmt: skip
    left = {1: Left(points=10), 2: Left(money_minor=1_25), 3: Left(uses=0)}

    result = quote(sale(TEA, CUP, member=MEMBER), rules, left=left)

    assert {(d.promotion, d.outcome, d.reason, d.points, d.discount_minor)
            for d in result.decisions} == {
        ("off", "capped", "limit_reached", 0, 1_25),
        ("points", "capped", "limit_reached", 10, 0),
        ("used-up", "capped", "limit_reached", 0, 0),
        ("capped", "capped", "receipt_cap", 12, 0),
    }  # fmt: skip
    assert [(use.code, use.money_minor, use.points) for use in result.uses] == [
        ("points", 0, 10), ("off", 1_25, 0), ("capped", 0, 12),
    ]  # fmt: skip


def test_points_by_the_litre_follow_the_quantity():
    diesel = line(1, "diesel", 60_00, quantity_milli=40_650)

    # 40.65 x 3 = 121.95, rounded down; by pieces it is one weighed line.
    assert earned({"kind": "earn_items", "points": 3, "by": "quantity"}, diesel) == 121
    assert earned({"kind": "earn_items", "points": 3}, diesel) == 3
