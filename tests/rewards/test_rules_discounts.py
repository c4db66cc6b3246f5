"""Every discount by hand: what each line loses, to the minor unit."""

from __future__ import annotations

import pytest

from rewards.rules.basket import MemberFacts, Window
from rewards.rules.definitions import InvalidDefinitionError
from rewards.rules.groups import Group
from rewards.rules.quote import quote
from rewards.rules.rule_set import RuleSet
from rewards.rules.terms import Terms
from tests.rewards.rule_examples import MEMBER, line, rule, sale

FREE = {"kind": "free"}
HALF = {"kind": "percent", "basis_points": 5000}


def pieces(number, sku, price, count, **details):
    return line(number, sku, price * count, quantity_milli=count * 1000, **details)


def offs(effect, *lines, **details):
    rules = RuleSet([rule(1, "offer", effect=effect, **details)], Terms())
    result = quote(sale(*lines, member=MEMBER), rules)
    return [priced.discount_minor for priced in result.lines]


TEA = pieces(1, "tea", 3_00, 2)
CUP = pieces(2, "cup", 2_00, 1)
JAM = pieces(3, "jam", 5_01, 1)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"kind": "percent_off", "basis_points": 1000}, [60, 20, 50]),
        ({"kind": "percent_off", "basis_points": 1000, "phase": "basket"}, [60, 20, 50]),
        ({"kind": "amount_off", "amount_minor": 1_00}, [46, 15, 39]),
        ({"kind": "amount_off_each", "amount_minor": 7}, [14, 7, 7]),
        ({"kind": "fixed_price", "price_minor": 2_50}, [1_00, 0, 2_51]),
        # The third piece of four is free: the cheapest one, a cup.
        ({"kind": "pieces_off", "of": 3, "off": FREE}, [0, 2_00, 0]),
        ({"kind": "pieces_off", "of": 2, "off": FREE}, [3_00, 2_00, 0]),
        ({"kind": "pieces_off", "of": 2, "off": FREE, "max_times": 1}, [0, 2_00, 0]),
        ({"kind": "pieces_off", "of": 4, "pick": "dearest", "off": HALF}, [0, 0, 2_51]),
        # In a row: jam, tea, tea, cup. Every second one: a tea and the cup.
        ({"kind": "pieces_off", "of": 2, "pick": "every", "off": HALF}, [1_50, 1_00, 0]),
        # 5.01 + 3.00 + 3.00 for 9.99: 1.02 off, 46 : 28 : 28.
        ({"kind": "set_price", "quantity": 3, "price_minor": 9_99}, [56, 0, 46]),
        ({"kind": "buy_get", "buy": 2, "get": 1, "off": FREE}, [0, 2_00, 0]),
        ({"kind": "tiered_off", "by": "quantity", "steps": [
            {"start": 2, "off": {"kind": "percent", "basis_points": 500}},
            {"start": 4, "off": {"kind": "percent", "basis_points": 1000}}]}, [60, 20, 50]),
        ({"kind": "tiered_off", "by": "amount", "steps": [
            {"start": 10_00, "off": {"kind": "amount", "amount_minor": 1_30}},
            {"start": 20_00, "off": FREE}]}, [60, 20, 50]),
    ],
)  # fmt: skip
def test_what_a_discount_takes_off_two_teas_a_cup_and_a_jam(effect, expected):
    assert offs(effect, TEA, CUP, JAM) == expected


def test_uses_on_one_receipt_are_the_times_of_an_offer():
    effect = {"kind": "pieces_off", "of": 2, "off": FREE}
    limits = [{"per": "receipt", "what": "uses", "max": 1}]

    assert offs(effect, TEA, CUP, JAM, wording={"limits": limits}) == [0, 2_00, 0]


def test_one_gets_another_product_cheaper_for_what_one_buys():
    effect = {"kind": "buy_get", "buy": 2, "off": HALF, "goods": {"include": {"skus": ["jam"]}}}

    assert offs(effect, TEA, CUP, JAM, include={"skus": ["tea"]}) == [0, 0, 2_51]
    assert offs(effect, CUP, JAM, include={"skus": ["cup"]}) == [0, 0]


def test_a_bundle_is_cheaper_as_often_as_it_is_there():
    items = [{"goods": {"include": {"skus": ["tea"]}}}, {"goods": {"include": {"skus": ["cup"]}}}]
    effect = {"kind": "bundle_off", "items": items, "off": {"kind": "price", "price_minor": 4_00}}

    # A tea and a cup cost 5.00, so 1.00 goes off as 60 : 40; the second tea finds no cup.
    assert offs(effect, TEA, CUP, JAM) == [60, 40, 0]
    two = pieces(2, "cup", 2_00, 2)
    assert offs(effect, TEA, two, JAM) == [1_20, 80, 0]


def test_members_pay_the_price_of_their_list():
    milk = pieces(1, "milk", 1_20, 2, prices={"club": 99})

    assert offs({"kind": "price_list", "code": "club"}, milk, CUP) == [42, 0]


def test_weighed_goods_are_one_piece_and_cost_by_weight():
    cheese = line(1, "cheese", 7_77, quantity_milli=1_234)
    fuel = line(2, "fuel", 60_00, quantity_milli=32_450)

    assert offs({"kind": "pieces_off", "of": 2, "off": FREE}, cheese, fuel) == [7_77, 0]
    assert offs({"kind": "amount_off_each", "amount_minor": 2}, cheese, fuel) == [2, 65]


def decisions(rules, *lines, terms=None, groups=(), **details):
    result = quote(sale(*lines, member=MEMBER), RuleSet(rules, terms or Terms(), 0, groups))
    return [(d.promotion, d.outcome, d.reason, d.discount_minor) for d in result.decisions]


def percent(number, code, basis_points, **details):
    effect = {"kind": "percent_off", "basis_points": basis_points}
    return rule(number, code, effect=effect, **details)


BREAD = line(1, "bread", 10_00, cost_minor=8_00)


@pytest.mark.parametrize(
    ("caps", "terms", "expected"),
    [
        ({"above_cost": True}, {}, ("capped", "cost_floor", 2_00)),
        ({}, {"price_floor": "cost"}, ("capped", "cost_floor", 2_00)),
        ({"floor_basis_points": 9_000}, {}, ("capped", "share_floor", 1_00)),
        ({}, {"floor_percent": 90}, ("capped", "share_floor", 1_00)),
        ({}, {"floor_percent": 70, "price_floor": "cost"}, ("capped", "cost_floor", 2_00)),
        ({"line_minor": 30}, {}, ("capped", "line_cap", 30)),
        ({"receipt_minor": 1_50}, {}, ("capped", "receipt_cap", 1_50)),
        ({}, {"max_discount_percent": 7}, ("capped", "max_discount", 70)),
        ({}, {}, ("applied", "best_on_line", 5_00)),
    ],
)
def test_a_discount_stops_where_it_has_to(caps, terms, expected):
    half = percent(1, "half", 5000, stacking={"caps": caps})

    assert decisions([half], BREAD, terms=Terms(**terms)) == [("half", *expected)]


def test_offers_over_many_lines_win_or_lose_together():
    three = rule(2, "three-for-two", effect={"kind": "pieces_off", "of": 3, "off": FREE})
    teas = [line(1, "tea", 3_00), line(2, "tea", 3_00), line(3, "tea", 3_00)]

    # 10 % of 9.00 is 0.90, a free tea 3.00: the free tea wins its line, the others keep 10 %.
    assert decisions([percent(1, "ten", 1000), three], *teas) == [
        ("ten", "applied", "best_on_line", 60),
        ("three-for-two", "applied", "best_on_line", 3_00),
    ]
    assert decisions([percent(1, "all", 10_000), three], *teas) == [
        ("all", "applied", "best_on_line", 9_00),
        ("three-for-two", "beaten", "better_discount", 0),
    ]


def in_group(number, code, basis_points, group="g", **details):
    return percent(number, code, basis_points, stacking={"group": group}, **details)


@pytest.mark.parametrize(
    ("group", "applied"),
    [
        (Group("g", "all"), {"five": 50, "ten": 95, "three": 26}),
        (Group("g", "first"), {"five": 50}),
        (Group("g", "best_member"), {"ten": 1_00}),
        (Group("g", "best_shop"), {"three": 30}),
        (Group("g", "max_n", 2), {"five": 50, "ten": 95}),
    ],
)
def test_a_group_says_how_many_of_its_promotions_count(group, applied):
    rules = [in_group(1, "five", 500), in_group(2, "ten", 1000), in_group(3, "three", 300)]

    found = decisions(rules, line(1, "tea", 10_00), groups=[group])

    assert {code: off for code, outcome, _, off in found if outcome == "applied"} == applied
    assert {outcome for code, outcome, *_ in found if code not in applied} <= {"beaten"}
    assert {code for code, *_ in found} == {"five", "ten", "three"}


def test_of_two_that_do_not_go_together_the_better_combination_counts():
    """Alone 20 % beats either; 12 % and 10 % together beat it, and they come later."""
    rules = [
        percent(1, "alone", 2000, stacking={"group": "a", "not_with": ["one", "two"]}),
        in_group(2, "one", 1200, "a"),
        in_group(3, "two", 1000, "a"),
    ]

    found = decisions(rules, line(1, "tea", 10_00), groups=[Group("a", "all")])

    assert found == [
        ("one", "applied", "off_basket", 1_20),
        ("two", "applied", "off_basket", 88),
        ("alone", "beaten", "not_with", 0),
    ]


def test_more_than_eight_are_taken_in_order_and_it_says_so():
    rules = [in_group(n, f"p{n}", 100 * n) for n in range(1, 11)]
    groups = [Group("g", "best_member")]

    result = quote(sale(line(1, "tea", 10_00)), RuleSet(rules, Terms(), 0, groups))

    assert [
        (d.promotion, d.discount_minor) for d in result.decisions if d.outcome == "applied"
    ] == [("p1", 10)]
    assert {d.params.get("search") for d in result.decisions} == {"greedy"}


@pytest.mark.parametrize(
    ("effect", "near"),
    [
        ({"kind": "pieces_off", "of": 5, "off": FREE}, {"needed": 5, "have": 4, "missing": 1}),
        ({"kind": "set_price", "quantity": 6, "price_minor": 1}, {"needed": 6, "have": 4,
                                                                  "missing": 2}),
        ({"kind": "tiered_off", "by": "amount", "steps": [{"start": 50_00, "off": HALF}]},
         {"needed": 50_00, "have": 13_01, "missing": 36_99}),
    ],
)  # fmt: skip
def test_an_offer_that_is_nearly_there_says_what_is_missing(effect, near):
    result = quote(sale(TEA, CUP, JAM), RuleSet([rule(1, "near", effect=effect)], Terms()))

    [decision] = result.decisions
    assert (decision.outcome, decision.near, decision.params) == ("not_matched", True, near)


def on_card(spent, *lines):
    """A discount card by what was spent since the year began; None: nobody has counted it."""
    card = {"kind": "cumulative_off", "period": "year", "steps": [
        {"at_least_minor": 100_00, "basis_points": 300},
        {"at_least_minor": 500_00, "basis_points": 700},
    ]}  # fmt: skip
    windows = {} if spent is None else {"year": Window(spend_minor=spent, visits=1)}
    rules = RuleSet([rule(1, "card", effect=card)], Terms())
    return quote(sale(*lines, member=MemberFacts(windows=windows)), rules)


@pytest.mark.parametrize(
    ("spent", "off"),
    [(99_99, 0), (100_00, 1_00), (499_99, 1_00), (500_00, 2_33), (10**9, 2_33)],
)
def test_a_discount_card_grows_with_what_was_spent(spent, off):
    # 3 % of 33.33 is 0.9999, 7 % is 2.3331.
    assert on_card(spent, line(1, "lamp", 33_33)).lines[0].discount_minor == off


def test_a_discount_card_says_what_is_missing():
    [below] = on_card(99_99, line(1, "lamp", 33_33)).decisions
    [unknown] = on_card(None, line(1, "lamp", 33_33)).decisions

    assert (below.reason, below.params["missing"], below.near) == ("window_spend", 1, False)
    assert unknown.reason == "window_unknown"


def test_a_discount_card_gives_way_to_a_better_discount():
    card = {"kind": "cumulative_off", "period": "year", "steps": [
        {"at_least_minor": 1, "basis_points": 300}]}  # fmt: skip
    ten = {"kind": "percent_off", "basis_points": 1_000}
    rules = [rule(1, "card", effect=card), rule(2, "tea", effect=ten, include={"skus": ["tea"]})]

    result = quote(sale(TEA, CUP, member=MEMBER), RuleSet(rules, Terms()))

    # Tea loses 10 % of 6.00, the cup 3 % of 2.00.
    assert [one.discount_minor for one in result.lines] == [60, 6]


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": 30, "period": "year"},
        {},
        {"days": 30, "steps": [
            {"at_least_minor": 5, "basis_points": 300}, {"at_least_minor": 5, "basis_points": 400},
        ]},
    ],
)  # fmt: skip
def test_a_discount_card_is_worded_without_contradictions(wrong):
    steps = [{"at_least_minor": 5, "basis_points": 300}]
    with pytest.raises(InvalidDefinitionError):
        rule(1, "card", effect={"kind": "cumulative_off", "steps": steps, **wrong})
