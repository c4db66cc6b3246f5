"""Any partition of a return, in any order, ends where one full return ends (bar 12)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rewards.rules import returns
from rewards.rules.pricing import Redeem
from rewards.rules.quote import quote
from rewards.rules.returns import SoldLine
from rewards.rules.rule_set import RuleSet
from rewards.rules.terms import Terms
from tests.rewards.rule_examples import MEMBER, baskets, line, rule, rule_sets, sale

SALES = baskets(members=st.just(MEMBER))


def sold(result):
    return [
        SoldLine(
            line_no=p.line.line_no, sku=p.line.sku, quantity_milli=p.line.quantity_milli,
            net_minor=p.net_minor, points_paid_minor=p.points_paid_minor,
        )
        for p in result.lines
    ]  # fmt: skip


def wordings_of(rules):
    return {each.version_id: each.definition for each in rules.rules}


def moves_of(taken):
    """Of a version with many effects, one at most carries a remainder."""
    moves = Counter()
    for back in taken:
        moves[back.version_id] += back.carry_delta
    return moves


def one_part(draw, lines):
    """Goods, an amount of one line, or an amount of the receipt: what a customer may bring."""
    left = [each for each in lines if not each.is_gone]
    each = draw(st.sampled_from(left))
    ways = ["rest"]
    if each.quantity_left:
        ways.append("quantity")
    if each.net_left:
        ways += ["amount", "receipt"]
    way = draw(st.sampled_from(ways))
    if way == "quantity":
        return [returns.return_quantity(each, draw(st.integers(1, each.quantity_left)))]
    if way == "amount":
        return [returns.return_amount(each, draw(st.integers(1, each.net_left)))]
    if way == "receipt":
        total = sum(other.net_left for other in left)
        return returns.spread_amount(left, draw(st.integers(1, total)))
    return [returns.return_rest(each)]


@given(st.data(), SALES, rule_sets(), st.integers(0, 3000), st.integers(0, 99))
def test_any_partition_of_a_return_takes_back_what_one_full_return_would(
    data, basket, rules, points, carried
):
    carries = {each.version_id: carried for each in rules.rules}
    result = quote(basket, rules, Redeem(points=points, available=points), carries)
    pins, wordings, first = result.pins, wordings_of(rules), sold(result)
    state, taken, money, moved = first, 0, 0, {pin.version_id: 0 for pin in pins}
    for _ in range(12):
        if all(each.is_gone for each in state):
            break
        part = one_part(data.draw, state)
        now = returns.after(state, part)
        for back in returns.take_back(pins, wordings, rules.terms, state, now):
            assert back.points >= 0
            taken += back.points
            moved[back.version_id] += back.carry_delta
        money += sum(each.money_minor for each in part)
        assert taken <= result.earned
        state = now
    rest = [returns.return_rest(each) for each in state if not each.is_gone]
    end = returns.after(state, rest)
    for back in returns.take_back(pins, wordings, rules.terms, state, end):
        taken += back.points
        moved[back.version_id] += back.carry_delta
    money += sum(each.money_minor for each in rest)

    whole = returns.take_back(pins, wordings, rules.terms, first, end)
    assert taken == sum(back.points for back in whole)
    assert moved == moves_of(whole)
    assert money == result.total_minor
    assert returns.points_given_back(result.payment.points, end) == (
        result.payment.points if result.payment.money_minor else 0
    )


@given(SALES, rule_sets())
def test_a_full_return_takes_back_everything_that_was_earned(basket, rules):
    result = quote(basket, rules)
    first = sold(result)
    end = returns.after(first, [returns.return_rest(each) for each in first])

    taken = returns.take_back(result.pins, wordings_of(rules), rules.terms, first, end)

    assert sum(back.points for back in taken) == result.earned
    for version, moved in moves_of(taken).items():
        assert moved == -result.carry_deltas.get(version, 0)


@given(st.lists(st.tuples(st.integers(1, 2000), st.booleans()), min_size=1, max_size=12))
def test_the_carried_remainder_keeps_its_books_over_sales_and_returns(visits):
    """granted x per + carried = raw units of the goods kept, after every step."""
    rules = RuleSet([rule(1, "default", points=1)], Terms(rounding="carry"))
    carried = granted = kept = 0
    brought_back = []
    for price, comes_back in visits:
        result = quote(sale(line(1, "a", price), member=MEMBER), rules, carries={1: carried})
        carried += result.carry_deltas[1]
        granted, kept = granted + result.earned, kept + price
        assert granted * 100 + carried == kept
        if comes_back:
            brought_back.append((price, result))
    for price, result in reversed(brought_back):
        first = sold(result)
        end = returns.after(first, [returns.return_rest(each) for each in first])
        for back in returns.take_back(result.pins, wordings_of(rules), rules.terms, first, end):
            assert 0 <= back.points <= result.earned
            carried, granted = carried + back.carry_delta, granted - back.points
        kept -= price
        assert granted * 100 + carried == kept


def test_a_threshold_is_asked_again_of_the_goods_kept():
    bonus = rule(2, "bonus", effect={"kind": "fixed_points", "points": 50}, min_spend=100_00)
    rules = RuleSet([rule(1, "default", points=1), bonus], Terms())
    result = quote(sale(line(1, "a", 80_00), line(2, "b", 30_00), member=MEMBER), rules)
    assert result.earned == 110 + 50
    first = sold(result)

    now = returns.after(first, [returns.return_rest(first[1])])
    taken = returns.take_back(result.pins, wordings_of(rules), rules.terms, first, now)

    assert {back.version_id: back.points for back in taken} == {1: 30, 2: 50}


def test_three_pieces_of_a_hundred_come_back_as_33_34_33():
    one = SoldLine(line_no=1, sku="a", quantity_milli=3000, net_minor=100)

    parts = []
    for _ in range(3):
        part = returns.return_quantity(one, 1000)
        [one] = returns.after([one], [part])
        parts.append(part.net_minor)

    assert parts == [33, 34, 33]
