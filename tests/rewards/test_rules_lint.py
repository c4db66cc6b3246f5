"""What is odd about a promotion is said before it goes live."""

from __future__ import annotations

import inspect
import random
import re

import pytest

from rewards.admin import oddities
from rewards.rules import lint as linting
from rewards.rules.effects import Discount
from rewards.rules.groups import Group
from rewards.rules.lint import Beside, Oddity, lint
from rewards.rules.terms import Terms
from tests.rewards.rule_examples import NOON, rule

OFF = {"kind": "percent_off", "basis_points": 1000}
POINTS = {"kind": "fixed_points", "points": 1}
CAPS = {"caps": {"above_cost": True}}
TEA, FOOD = {"skus": ["tea"]}, {"categories": ["food"]}


def codes(one, *others, groups=(), terms=None):
    known = {group.code: group for group in groups}
    return [oddity.code for oddity in lint(one, others, known, terms or Terms(), NOON)]


def when(*conditions):
    return {"all": list(conditions)}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (when({"kind": "schedule", "last_day": "2026-03-03"}), ["window_past"]),
        (when({"kind": "schedule", "last_day": "2026-03-04"}), []),
        (when({"kind": "schedule", "weekdays": [1]}, {"kind": "schedule", "weekdays": [2]}),
         ["contradiction"]),
        (when({"kind": "card", "shown": True}, {"kind": "card", "shown": False}),
         ["contradiction"]),
        (when({"kind": "stores", "codes": ["a"]}, {"kind": "stores", "codes": ["b"]}),
         ["contradiction"]),
        ({"any": [{"kind": "stores", "codes": ["a"]}, {"kind": "stores", "codes": ["b"]}]}, []),
    ],
)  # fmt: skip
def test_what_can_never_apply(tree, expected):
    assert codes(rule(1, "one", effect=POINTS, when=tree)) == expected


def test_a_discount_without_a_floor_may_go_below_cost():
    assert codes(rule(1, "one", effect=OFF)) == ["may_go_below_cost"]
    assert codes(rule(1, "one", effect=OFF, stacking=CAPS)) == []
    assert codes(rule(1, "one", effect=OFF), terms=Terms(price_floor="cost")) == []


@pytest.mark.parametrize(
    ("include", "stacking", "expected"),
    [
        (TEA, CAPS, ["overlap"]),
        (None, CAPS, ["overlap"]),
        (FOOD, CAPS, []),
        (TEA, {**CAPS, "not_with": ["one"]}, []),
    ],
)
def test_discounts_on_the_same_goods_without_a_word_how(include, stacking, expected):
    one = rule(1, "one", effect=OFF, include=TEA, stacking=CAPS)
    other = rule(2, "other", effect=OFF, include=include, stacking=stacking)

    assert codes(one, other) == expected


def test_only_discounts_that_share_goods_are_so_much_as_looked_at():
    others = [rule(n, f"r{n}", effect=OFF, include={"skus": [f"other{n}"]}) for n in range(2, 500)]
    points = [rule(n, f"r{n}", effect=POINTS) for n in range(500, 600)]
    twin = rule(600, "twin", effect=OFF, include=TEA)
    beside = Beside([*others, *points, twin])

    found = list(beside.meeting(rule(1, "one", effect=OFF, include=TEA)))

    assert [one.code for one in found] == ["twin"]


def test_of_many_that_it_meets_the_first_are_named():
    others = [rule(n, f"r{n}", effect=OFF) for n in range(2, 100)]

    found = codes(rule(1, "one", effect=OFF, include=TEA, stacking=CAPS), *others)

    assert found == ["overlap"] * linting.MOST_NAMED


@pytest.mark.parametrize("seed", range(20))
def test_the_index_finds_what_a_look_at_every_pair_finds(seed):
    """Some rules of each kind of goods, phase and group, every one asked beside all others."""
    chance = random.Random(seed)
    effects = [OFF, POINTS, {"kind": "amount_off", "amount_minor": 5}]
    rules = [
        rule(
            n, f"r{n}", effects=chance.choices(effects, k=2),
            include=chance.choice([None, TEA, FOOD, {"skus": ["tea", "rice"]}]),
            stacking={"group": chance.choice([None, "g", "h"]),
                      "not_with": chance.choice([[], ["r3", "r7"]])},
        )
        for n in range(1, 12)
    ]  # fmt: skip
    beside = Beside(rules)

    for one in rules:
        found = lint(one, beside, {}, Terms(), NOON)
        met = {each.params["with"] for each in found if each.code == "overlap"}
        assert met == {other.code for other in rules if other is not one and meet(one, other)}


def meet(one, other):
    mine, theirs = one.definition, other.definition
    if other.code in mine.stacking.not_with or one.code in theirs.stacking.not_with:
        return False
    if mine.stacking.group and mine.stacking.group == theirs.stacking.group:
        return False
    first, second = (
        {each.at() for each in each_of.effects if isinstance(each, Discount)}
        for each_of in (mine, theirs)
    )
    keys, others = mine.goods.included, theirs.goods.included
    return bool(first & second) and (not keys or not others or bool(keys & others))


def test_a_promotion_that_another_always_comes_before():
    groups = [Group("g", "first")]
    stacking = {**CAPS, "group": "g"}
    wide = rule(1, "wide", effect=OFF, stacking=stacking)
    narrow = rule(2, "narrow", effect=OFF, include=TEA, stacking=stacking)
    bound = rule(1, "wide", effect=OFF, stacking=stacking, min_spend=5)

    assert codes(narrow, wide, groups=groups) == ["shadowed"]
    assert codes(wide, narrow, groups=groups) == []
    assert codes(narrow, bound, groups=groups) == []
    assert codes(narrow, wide) == ["unknown_group"]


def test_every_oddity_has_its_words():
    found = set(re.findall(r'Oddity\(\s*"(\w+)"', inspect.getsource(linting)))

    assert found == oddities.WORDS.keys()
    assert "other" in oddities.oddity_words(Oddity("overlap", {"with": "other"}))
