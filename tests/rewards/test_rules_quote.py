"""The pure quote: exact to the minor unit, the same for any order, never below zero (bar 50)."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.basket import Basket
from rewards.rules.pricing import Redeem
from rewards.rules.quote import quote
from rewards.rules.rule_set import RuleSet
from rewards.rules.terms import Terms
from tests.rewards.rule_examples import (
    MEMBER,
    baskets,
    line,
    rule,
    rule_sets,
    sale,
    terms_of_programmes,
)

REDEEMS = st.builds(
    Redeem,
    points=st.integers(0, 5_000),
    available=st.integers(0, 5_000),
    barred=st.sampled_from(["", "", "card_not_active"]),
)


@given(baskets(), rule_sets(), REDEEMS)
def test_discounts_and_points_add_up_to_the_minor_unit(basket, rules, redeem):
    result = quote(basket, rules, redeem)

    for priced in result.lines:
        assert 0 <= priced.discount_minor <= priced.line.gross_minor
        assert 0 <= priced.points_paid_minor <= priced.net_minor
        assert priced.points >= 0
    assert sum(priced.points_paid_minor for priced in result.lines) == result.payment.money_minor
    promoted = sum(decision.discount_minor for decision in result.decisions)
    manual = sum(min(each.manual_discount_minor, each.gross_minor) for each in basket.lines)
    assert result.discount_minor == promoted + manual
    assert result.earned == sum(grant.points for grant in result.grants)
    assert result.earned == sum(decision.points for decision in result.decisions)
    assert result.total_minor >= 0


@given(baskets(), rule_sets(), REDEEMS, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(basket, rules, redeem, rng: random.Random):
    shuffled = list(basket.lines)
    rng.shuffle(shuffled)
    other = sale(*shuffled, member=basket.member)

    assert quote(basket, rules, redeem) == quote(other, rules, redeem)


@given(baskets(), rule_sets(), REDEEMS, st.randoms(use_true_random=False))
def test_renumbering_lines_changes_no_amount(basket, rules, redeem, rng: random.Random):
    shuffled = list(basket.lines)
    rng.shuffle(shuffled)
    renumbered = sale(
        *(_numbered(each, number) for number, each in enumerate(shuffled, start=1)),
        member=basket.member,
    )

    assert _amounts(quote(basket, rules, redeem)) == _amounts(quote(renumbered, rules, redeem))


def _numbered(each, number):
    return type(each)(
        **{**{f: getattr(each, f) for f in each.__struct_fields__}, "line_no": number}
    )


def _amounts(result):
    return sorted(
        (p.line.sku, p.line.gross_minor, p.discount_minor, p.points_paid_minor, p.points)
        for p in result.lines
    )


@given(terms_of_programmes(), st.integers(0, 10**9))
def test_conversion_of_points_and_money_never_creates_value(terms: Terms, amount: int):
    assert terms.points_for(terms.money_for(amount)) <= amount
    assert terms.money_for(terms.points_for(amount)) >= amount
    assert terms.money_for(terms.points_for(amount) - 1) < amount or amount == 0


@given(baskets(), rule_sets(), REDEEMS)
def test_never_more_points_are_charged_than_asked_for_and_there(basket, rules, redeem):
    payment = quote(basket, rules, redeem).payment

    assert payment.points <= min(redeem.points, redeem.available)
    assert payment.max_points <= redeem.available
    assert payment.money_minor <= payment.max_money_minor


def test_the_narrowest_rule_earns_on_each_line():
    tea = line(1, "tea", 10_00, categories=("food", "drinks", "tea"), brand="Leaf")
    soda = line(2, "soda", 10_00, categories=("food", "drinks"), brand="Leaf")
    soap = line(3, "soap", 10_00, brand="Leaf")
    bag = line(4, "bag", 10_00)
    rules = RuleSet(
        [
            rule(1, "default", points=1),
            rule(2, "brand", points=2, include={"brands": ["Leaf"]}),
            rule(3, "food", points=3, include={"categories": ["food"]}),
            rule(4, "drinks", points=4, include={"categories": ["drinks"]}),
            rule(5, "tea", points=5, include={"skus": ["tea"]}),
        ],
        Terms(),
    )

    result = quote(sale(tea, soda, soap, bag, member=MEMBER), rules)

    assert [priced.points for priced in result.lines] == [50, 40, 20, 10]
    assert {d.promotion: d.outcome for d in result.decisions} == {
        "default": "applied", "brand": "applied", "food": "beaten", "drinks": "applied",
        "tea": "applied",
    }  # fmt: skip


def test_a_narrower_rule_whose_threshold_fails_on_its_own_lines_gives_them_back():
    rules = RuleSet(
        [
            rule(1, "default", points=1),
            rule(2, "food", points=3, include={"categories": ["food"]}, min_spend=30_00),
            rule(3, "tea", points=9, include={"skus": ["tea"]}),
        ],
        Terms(),
    )
    tea = line(1, "tea", 20_00, categories=("food",))
    rice = line(2, "rice", 20_00, categories=("food",))

    result = quote(sale(tea, rice, member=MEMBER), rules)

    # Food is 40.00 in all, but tea belongs to a narrower rule: 20.00 of rice miss the 30.00.
    assert [priced.points for priced in result.lines] == [180, 20]
    missed = next(d for d in result.decisions if d.promotion == "food")
    assert (missed.reason, missed.params["missing"]) == ("min_spend", 10_00)


def test_points_are_floored_once_a_receipt_and_explained_by_line():
    rules = RuleSet([rule(1, "default", points=1)], Terms())

    result = quote(sale(line(1, "a", 50), line(2, "b", 60), line(3, "c", 95), member=MEMBER), rules)

    assert result.earned == 2  # 2.05 → 2, where flooring by line would give none
    assert sorted(grant.points for grant in result.grants) == [0, 1, 1]


def test_the_best_discount_wins_a_line_and_the_other_is_told_by_whom_it_was_beaten():
    rules = RuleSet(
        [
            rule(1, "five", effect={"kind": "percent_off", "basis_points": 500}),
            rule(2, "ten", effect={"kind": "percent_off", "basis_points": 1000}),
        ],
        Terms(),
    )

    result = quote(sale(line(1, "a", 10_05)), rules)

    assert result.lines[0].discount_minor == 101  # 100.5 half up
    assert [(d.promotion, d.outcome, d.params) for d in result.decisions] == [
        ("ten", "applied", {}),
        ("five", "beaten", {"by": "ten"}),
    ]


def test_basket_discounts_come_after_line_discounts_and_stop_at_zero():
    rules = RuleSet(
        [
            rule(1, "half", effect={"kind": "percent_off", "basis_points": 5000}),
            rule(2, "tenner", effect={"kind": "amount_off", "amount_minor": 10_00}),
            rule(3, "again", effect={"kind": "amount_off", "amount_minor": 10_00}),
        ],
        Terms(),
    )

    result = quote(sale(line(1, "a", 10_00), line(2, "b", 20_00)), rules)

    assert result.total_minor == 0
    assert [(d.promotion, d.outcome, d.discount_minor) for d in result.decisions] == [
        ("half", "applied", 15_00),
        ("tenner", "applied", 10_00),
        ("again", "capped", 5_00),
    ]


def test_points_pay_their_share_and_goods_that_exclude_them_are_spared():
    rules = RuleSet([rule(1, "default", points=1)], Terms(max_points_share_percent=50))
    vodka = line(1, "vodka", 60_00, excluded_from_redemption=True)
    bread = line(2, "bread", 20_00)

    result = quote(sale(vodka, bread, member=MEMBER), rules, Redeem(points=9999, available=9999))

    # Half of 80.00 is 40.00, but only 20.00 of goods may be paid with points.
    assert (result.payment.money_minor, result.payment.bound) == (20_00, "goods")
    assert [priced.points_paid_minor for priced in result.lines] == [0, 20_00]
    assert result.earned == 60  # only money earns


def test_a_printed_receipt_keeps_its_price_and_earns():
    rules = RuleSet(
        [
            rule(1, "default", points=1),
            rule(2, "ten", effect={"kind": "percent_off", "basis_points": 1000}),
        ],
        Terms(),
    )
    basket = sale(line(1, "a", 10_00, manual_discount_minor=2_00), member=MEMBER)
    printed = type(basket)(
        store=basket.store, at=basket.at, lines=basket.lines, member=MEMBER, final_prices=True
    )

    result = quote(printed, rules)

    assert (result.total_minor, result.earned) == (8_00, 8)
    assert [d.reason for d in result.decisions if d.promotion == "ten"] == ["price_is_final"]


def test_a_receipt_of_nobody_earns_nothing_and_says_so():
    result = quote(sale(line(1, "a", 10_00)), RuleSet([rule(1, "default", points=1)], Terms()))

    assert result.earned == 0
    assert [(d.outcome, d.reason) for d in result.decisions] == [("not_matched", "no_member")]


def test_a_version_counts_from_its_start_until_its_end():
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    rules = RuleSet([rule(1, "january", points=1, starts_at=start, ends_at=end)], Terms())

    def earned(at):
        basket = Basket(store="S1", at=at, lines=(line(1, "a", 10_00),), member=MEMBER)
        return quote(basket, rules).earned

    assert [earned(start), earned(end)] == [10, 0]
