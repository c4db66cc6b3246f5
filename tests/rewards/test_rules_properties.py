"""What holds for every promotion that can be worded, on every basket (bars 12 and 50).

`make test` tries a few; `make long` thousands, and ``FUZZ_EXAMPLES`` any number.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewards.rules import rounding
from rewards.rules.answers import Left, Quote
from rewards.rules.choosing import MOST
from rewards.rules.groups import Group
from rewards.rules.pricing import Redeem
from rewards.rules.quote import quote
from rewards.rules.rule_set import Rule, RuleSet
from rewards.rules.terms import Terms
from tests.rewards.rule_examples import (
    DISCOUNTS,
    MEMBER,
    POINTS,
    SELECTORS,
    line,
    rule,
    sale,
    terms_of_programmes,
)
from tests.rewards.wording_examples import GROUPS, any_rule_sets, sales

FEW = int(os.environ.get("FUZZ_EXAMPLES", "25"))
EXAMPLES = pytest.mark.parametrize("examples", [FEW, pytest.param(3_000, marks=pytest.mark.long)])
REDEEMS = st.builds(Redeem, points=st.integers(0, 5_000), available=st.integers(0, 5_000))
ROOMS = st.none() | st.integers(0, 300)
LEFTS = st.dictionaries(
    st.integers(1, 6), st.builds(Left, uses=ROOMS, points=ROOMS, money_minor=ROOMS), max_size=3
)


def for_all(examples: int, holds: Callable[..., None], *drawn: st.SearchStrategy) -> None:
    rules_of_the_game = settings(
        max_examples=examples, deadline=None, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    rules_of_the_game(given(*drawn)(holds))()


def promoted(priced) -> int:
    """What promotions took off a line, besides the cashier."""
    return priced.discount_minor - min(priced.line.manual_discount_minor, priced.line.gross_minor)


@EXAMPLES
def test_every_sum_is_exact_and_nothing_falls_below_zero(examples):
    def holds(basket, rules, redeem, left):
        result = quote(basket, rules, redeem, left=left)

        for priced in result.lines:
            assert promoted(priced) >= 0
            assert 0 <= priced.discount_minor <= priced.line.gross_minor
            assert 0 <= priced.points_paid_minor <= priced.net_minor
            assert priced.points >= 0
        off = sum(promoted(priced) for priced in result.lines)
        paid = sum(priced.points_paid_minor for priced in result.lines)
        assert off == sum(told.discount_minor for told in result.decisions)
        assert off == sum(use.money_minor for use in result.uses)
        assert result.total_minor == sum(each.net_minor for each in result.lines) - paid >= 0
        assert paid == result.payment.money_minor
        points = [priced.points for priced in result.lines]
        assert result.earned == sum(points) == sum(each.points for each in result.grants)
        assert result.earned == sum(use.points for use in result.uses)

    for_all(examples, holds, sales(), any_rule_sets(), REDEEMS, LEFTS)


@EXAMPLES
def test_an_answer_without_reasons_has_the_same_numbers(examples):
    """Whoever only counts leaves the explanation out: it must not decide anything."""

    def holds(basket, rules, redeem, left, carries):
        told = quote(basket, rules, redeem, carries, left)
        bare = quote(basket, rules, redeem, carries, left, explain=False)

        assert bare == msgspec.structs.replace(told, decisions=(), grants=(), pins=())

    carries = st.dictionaries(st.integers(1, 6), st.integers(0, 300), max_size=3)
    for_all(examples, holds, sales(), any_rule_sets(), REDEEMS, LEFTS, carries)


@EXAMPLES
def test_caps_floors_and_limits_hold_for_each_promotion_and_for_the_programme(examples):
    def holds(basket, rules, left):
        result = quote(basket, rules, left=left)

        manual = result.discount_minor - sum(use.money_minor for use in result.uses)
        most = result.gross_minor * rules.terms.max_discount_percent // 100
        assert result.discount_minor <= max(manual, most)
        wording = {each.promotion_id: each.definition for each in rules.rules}
        for use in result.uses:
            room, caps = left.get(use.promotion_id, Left()), wording[use.promotion_id].stacking.caps
            per_receipt = limits_of(wording[use.promotion_id])
            assert use.money_minor <= least(
                caps.receipt_minor, room.money_minor, *per_receipt["money"]
            )
            assert use.points <= least(caps.receipt_points, room.points, *per_receipt["points"])
            assert room.uses is None or room.uses > 0
        for priced in result.lines:
            if promoted(priced) and rules.terms.price_floor == "cost":
                assert priced.net_minor >= cost_of(priced.line)

    for_all(examples, holds, sales(), any_rule_sets(), LEFTS)


@EXAMPLES
def test_one_promotion_keeps_to_its_caps_on_each_line_with_all_its_effects(examples):
    def holds(basket, rules):
        alone = RuleSet(rules.rules[-1:], Terms(), 1, GROUPS)

        result = quote(basket, alone)

        caps = alone.rules[0].definition.stacking.caps
        for priced in result.lines:
            gross = priced.line.gross_minor
            share = caps.line_basis_points and gross * caps.line_basis_points // 10_000
            assert promoted(priced) <= least(caps.line_minor, share)
            if promoted(priced):
                floor = rounding.up(gross * (caps.floor_basis_points or 0), 10_000)
                assert priced.net_minor >= floor
                assert not caps.above_cost or priced.net_minor >= cost_of(priced.line)

    for_all(examples, holds, sales(), any_rule_sets())


def least(*bounds: int | None) -> int:
    return min((bound for bound in bounds if bound is not None), default=10**18)


def limits_of(definition) -> dict[str, list[int]]:
    return {
        what: [each.max for each in definition.limits if each.what == what]
        for what in ("money", "points")
    }


def cost_of(sold) -> int:
    return rounding.up((sold.cost_minor or 0) * sold.quantity_milli, 1000)


@EXAMPLES
def test_neither_the_order_of_lines_nor_the_order_and_time_of_edits_matters(examples):
    """Ties go to the priority and then the age of the promotion: versions come at any time."""

    def holds(basket, rules, rng: random.Random, redeem):
        lines, edits = [*basket.lines], [*range(1_000, 1_000 + len(rules.rules))]
        rng.shuffle(lines)
        rng.shuffle(edits)
        edited = [
            msgspec.structs.replace(each, version_id=edit)
            for each, edit in zip(rules.rules, edits, strict=True)
        ]
        rng.shuffle(edited)
        other = RuleSet(edited, rules.terms, rules.version, GROUPS)
        turned = msgspec.structs.replace(basket, lines=tuple(lines))

        assert plain(quote(basket, rules, redeem)) == plain(quote(turned, other, redeem))

    rng = st.randoms(use_true_random=False)
    for_all(examples, holds, sales(), any_rule_sets(), rng, REDEEMS)


def plain(result: Quote) -> tuple:
    """All of an answer but the numbers of versions."""
    points = Counter()
    for grant in result.grants:
        points[grant.line_no] += grant.points
    uses = [(use.promotion_id, use.money_minor, use.points) for use in result.uses]
    awards = [(given.promotion, given.effect, given.award) for given in result.awards]
    return result.lines, result.payment, result.decisions, points, uses, awards


@EXAMPLES
def test_who_is_beaten_was_beaten_by_somebody_who_gave_something(examples):
    def holds(basket, rules):
        result = quote(basket, rules)

        gave = {
            told.promotion for told in result.decisions if told.outcome in ("applied", "capped")
        }
        assert {use.code for use in result.uses} <= gave
        for told in result.decisions:
            if told.outcome == "beaten":
                assert told.params["by"] in gave

    for_all(examples, holds, sales(), any_rule_sets())


# The best combination


@st.composite
def contests(draw, mode):
    """Up to five promotions that rule each other out, and one beside them."""
    gifts = draw(st.lists(st.one_of(DISCOUNTS, POINTS), min_size=2, max_size=5))
    rules = [
        rule(n, f"r{n}", effect=effect, priority=draw(st.sampled_from([50, 100])),
             wording={"goods": draw(SELECTORS)}, stacking={"group": "contest"})
        for n, effect in enumerate(gifts, start=2)
    ]  # fmt: skip
    beside = rule(1, "r1", effect=draw(st.one_of(DISCOUNTS, POINTS)))
    return [beside, *rules], [Group("contest", mode)], draw(terms_of_programmes())


@st.composite
def quarrels(draw):
    """Up to five promotions that name each other as ones they do not go with."""
    count = draw(st.integers(2, 5))
    pairs = [*combinations(range(1, count + 1), 2)]
    apart = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    rules = [
        rule(n, f"r{n}", effect=draw(st.one_of(DISCOUNTS, POINTS)),
             stacking={"not_with": [f"r{b}" for a, b in apart if a == n]})
        for n in range(1, count + 1)
    ]  # fmt: skip
    return rules, apart, draw(terms_of_programmes())


def gain(basket, rules: Iterable[Rule], terms: Terms) -> int:
    """What the buyer has of these promotions, with nothing to rule one of them out."""
    return worth(quote(basket, RuleSet(rules, terms, 1, [Group("contest", "all")])), terms)


def worth(result: Quote, terms: Terms) -> int:
    return result.discount_minor + terms.money_for(result.earned)


SHOPPERS = sales(st.just(MEMBER))


def each_alone(basket, contest) -> list[Quote]:
    """What comes of it when one rival alone is there: of those that give something, if any do."""
    (beside, *rivals), _, terms = contest
    free = [Group("contest", "all")]
    found = [quote(basket, RuleSet([beside, one], terms, 1, free)) for one in rivals]
    giving = [one for one in found if {use.promotion_id for use in one.uses} - {1}]
    return giving or found


@EXAMPLES
@pytest.mark.parametrize(("mode", "pick"), [("best_member", max), ("best_shop", min)])
def test_a_group_gives_what_trying_each_of_its_promotions_finds(examples, mode, pick):
    def holds(basket, contest):
        rules, groups, terms = contest

        best = pick(worth(one, terms) for one in each_alone(basket, contest))

        result = quote(basket, RuleSet(rules, terms, 1, groups))
        assert worth(result, terms) == best
        assert len({use.promotion_id for use in result.uses} - {1}) <= 1

    for_all(examples, holds, SHOPPERS, contests(mode))


@EXAMPLES
def test_of_promotions_that_do_not_go_together_the_best_set_counts(examples):
    """Against every set to which none can be added. Separate quarrels are settled one by one."""

    def holds(basket, quarrel):
        rules, apart, terms = quarrel
        sets = [*largest_sets(len(rules), apart)]

        best = max(gain(basket, [rules[n - 1] for n in kept], terms) for kept in sets)

        reached = worth(quote(basket, RuleSet(rules, terms)), terms)
        assert reached <= best
        if len({frozenset(pair) for pair in joined(apart)}) == 1:
            assert reached == best

    for_all(examples, holds, SHOPPERS, quarrels())


def largest_sets(count: int, apart: list[tuple[int, int]]) -> Iterable[set[int]]:
    """Every set of promotions that go together and to which none can be added."""

    def fits(kept: set[int]) -> bool:
        return not any({a, b} <= kept for a, b in apart)

    everybody = range(1, count + 1)
    for size in everybody:
        for kept in map(set, combinations(everybody, size)):
            if fits(kept) and not any(fits(kept | {one}) for one in everybody if one not in kept):
                yield kept


def joined(apart: list[tuple[int, int]]) -> list[set[int]]:
    """The quarrels, those with somebody in common taken together."""
    found: list[set[int]] = []
    for pair in apart:
        meets = [one for one in found if not one.isdisjoint(pair)]
        found = [one for one in found if one not in meets] + [set(pair).union(*meets)]
    return found


def test_more_than_can_be_tried_are_taken_in_order_and_the_answer_says_so():
    def run(count):
        rules = [
            rule(n, f"r{n}", effect={"kind": "amount_off", "amount_minor": n},
                 stacking={"group": "one"})
            for n in range(1, count + 1)
        ]  # fmt: skip
        basket = sale(line(1, "tea", 10_00), member=MEMBER)
        return quote(basket, RuleSet(rules, Terms(), 1, [Group("one", "best_member")]))

    searched, greedy = run(MOST), run(MOST + 1)

    assert (searched.discount_minor, greedy.discount_minor) == (MOST, 1)
    assert not any("search" in told.params for told in searched.decisions)
    assert {told.params["search"] for told in greedy.decisions} == {"greedy"}
