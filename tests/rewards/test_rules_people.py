"""Conditions about people, trees of conditions, and who wakes a rule at all."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from rewards.rules import definitions
from rewards.rules.basket import Basket, MemberFacts, Window
from rewards.rules.quote import quote
from rewards.rules.rule_set import RuleSet
from rewards.rules.terms import Terms
from tests.rewards.rule_examples import MEMBER, line, rule

BONUS = {"kind": "fixed_points", "points": 5}
TEA = line(1, "tea", 10_00)


def why(condition, *, on="2026-03-04", member=None, definition=None, **basket):
    """The reason why a bonus was given or not; "" when nobody even looked at it."""
    at = datetime.fromisoformat(f"{on}T12:00").replace(tzinfo=UTC)
    sale = Basket(store="S1", at=at, lines=(TEA,), member=member, **basket)
    rules = RuleSet([rule(1, "b", effect=BONUS, when=condition, wording=definition)], Terms())
    decisions = quote(sale, rules).decisions
    return decisions[0].reason if decisions else ""


def born(day):
    return MemberFacts(birth_date=date.fromisoformat(day))


@pytest.mark.parametrize(
    ("condition", "member", "on", "expected"),
    [
        ({"kind": "birthday"}, born("1990-03-04"), "2026-03-04", "bonus"),
        ({"kind": "birthday"}, born("1990-03-05"), "2026-03-04", "birthday"),
        ({"kind": "birthday", "days_before": 7}, born("1990-03-11"), "2026-03-04", "bonus"),
        ({"kind": "birthday", "days_before": 7}, born("1990-01-02"), "2025-12-26", "bonus"),
        ({"kind": "birthday", "days_after": 7}, born("1990-12-28"), "2026-01-04", "bonus"),
        ({"kind": "birthday", "days_after": 7}, born("1990-12-28"), "2026-01-05", "birthday"),
        ({"kind": "birthday"}, born("2000-02-29"), "2026-02-28", "bonus"),
        ({"kind": "birthday"}, born("2000-02-29"), "2028-02-28", "birthday"),
        ({"kind": "birthday"}, born("2000-02-29"), "2028-02-29", "bonus"),
        ({"kind": "birthday", "leap_day": "03-01"}, born("2000-02-29"), "2026-03-01", "bonus"),
        ({"kind": "birthday"}, MEMBER, "2026-03-04", "birth_date_unknown"),
        ({"kind": "birthday"}, None, "2026-03-04", "card_required"),
        ({"kind": "age", "from_years": 60}, born("1966-03-04"), "2026-03-04", "bonus"),
        ({"kind": "age", "from_years": 60}, born("1966-03-05"), "2026-03-04", "age"),
        ({"kind": "age", "to_years": 17}, born("2008-03-05"), "2026-03-04", "bonus"),
        ({"kind": "enrolled", "max_days": 0}, MemberFacts(enrolled_on=date(2026, 3, 4)),
         "2026-03-04", "bonus"),
        ({"kind": "enrolled", "min_days": 365}, MemberFacts(enrolled_on=date(2025, 3, 5)),
         "2026-03-04", "enrolled"),
        ({"kind": "nth_purchase", "numbers": [2]}, MemberFacts(purchases=1), "2026-03-04",
         "bonus"),
        ({"kind": "nth_purchase", "every": 5}, MemberFacts(purchases=9), "2026-03-04", "bonus"),
        ({"kind": "nth_purchase", "every": 5}, MemberFacts(purchases=10), "2026-03-04",
         "nth_purchase"),
        ({"kind": "nth_purchase", "numbers": [1]}, MEMBER, "2026-03-04", "nth_purchase"),
        ({"kind": "last_purchase", "min_days": 60},
         MemberFacts(last_purchase_on=date(2026, 1, 3)), "2026-03-04", "bonus"),
        ({"kind": "last_purchase", "min_days": 61},
         MemberFacts(last_purchase_on=date(2026, 1, 3)), "2026-03-04", "last_purchase"),
        ({"kind": "first_of_category", "codes": ["tea", "jam"]},
         MemberFacts(known_categories=frozenset({"tea"})), "2026-03-04", "bonus"),
        ({"kind": "first_of_category", "codes": ["tea"]},
         MemberFacts(known_categories=frozenset({"tea"})), "2026-03-04", "first_of_category"),
        ({"kind": "window", "metric": "spend", "days": 30, "at_least": 100_00},
         MemberFacts(windows={"30d": Window(100_00, 1)}), "2026-03-04", "bonus"),
        ({"kind": "window", "metric": "visits", "period": "month", "at_least": 3},
         MemberFacts(windows={"month": Window(100_00, 2)}), "2026-03-04", "window_visits"),
        ({"kind": "window", "metric": "visits", "period": "month", "at_most": 1},
         MemberFacts(windows={"month": Window(100_00, 2)}), "2026-03-04", "window_visits_over"),
        ({"kind": "tiers", "codes": ["gold"]}, MemberFacts(tier="gold"), "2026-03-04", "bonus"),
        ({"kind": "tiers", "codes": ["gold"]}, MEMBER, "2026-03-04", "tier"),
        ({"kind": "tags", "codes": ["vip"]}, MemberFacts(tags=frozenset({"vip"})), "2026-03-04",
         "bonus"),
        ({"kind": "tags", "codes": ["vip"]}, MEMBER, "2026-03-04", ""),
        ({"kind": "segments", "codes": ["new"]}, MemberFacts(segments=frozenset({"new"})),
         "2026-03-04", "bonus"),
    ],
)  # fmt: skip
def test_conditions_about_people(condition, member, on, expected):
    assert why(condition, member=member, on=on) == expected


@pytest.mark.parametrize(
    ("basket", "definition", "condition", "expected"),
    [
        ({}, {"coupon": {"required": True}}, None, ""),
        ({"coupons": frozenset({"b"})}, {"coupon": {"required": True}}, None, "bonus"),
        ({"coupons": frozenset({"x"})}, {}, {"kind": "coupon", "codes": ["x"]}, "bonus"),
        ({"tenders": frozenset({"cash"})}, {}, {"kind": "tender", "kinds": ["card"]}, "tender"),
        ({"store_groups": frozenset({"north"})}, {},
         {"kind": "store_groups", "codes": ["north"]}, "bonus"),
        ({}, {}, {"kind": "store_groups", "codes": ["north"]}, ""),
        ({}, {"pilot": {"stores": ["S2"]}}, None, ""),
        ({}, {"pilot": {"stores": ["S1"]}}, None, "bonus"),
        ({}, {"pilot": {"tags": ["tester"]}}, None, "bonus"),
        ({}, {"pilot": {"members": ["somebody"]}}, None, ""),
    ],
)  # fmt: skip
def test_coupons_pilots_and_places(basket, definition, condition, expected):
    tester = MemberFacts(id="me", tags=frozenset({"tester"}))

    assert why(condition, member=tester, definition=definition, **basket) == expected


CARD, NIGHT = {"kind": "card", "shown": True}, {"kind": "schedule", "weekdays": [7]}
RICH = {"kind": "min_spend", "amount_minor": 15_00}
RICHER = {"kind": "min_spend", "amount_minor": 99_00}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"all": [CARD]}, "bonus"),
        ({"all": [RICH, NIGHT]}, "weekday"),
        ({"any": [NIGHT, CARD]}, "bonus"),
        ({"any": [NIGHT, RICHER, RICH]}, "min_spend"),
        ({"none": [NIGHT, RICH]}, "bonus"),
        ({"none": [NIGHT, CARD]}, "excluded"),
        ({"all": [CARD, {"any": [NIGHT, {"none": [RICH]}]}]}, "bonus"),
    ],
)
def test_trees_of_conditions(tree, expected):
    assert why(tree, member=MEMBER) == expected


def test_the_nearest_of_many_misses_is_told():
    rules = RuleSet([rule(1, "b", effect=BONUS, when={"any": [RICHER, RICH, NIGHT]})], Terms())
    sale = Basket(store="S1", at=datetime(2026, 3, 4, tzinfo=UTC), lines=(TEA,), member=MEMBER)

    [decision] = quote(sale, rules).decisions

    assert (decision.near, decision.params["missing"]) == (True, 5_00)


def test_a_rule_set_says_what_it_has_to_know():
    tree = {"all": [{"kind": "window", "metric": "spend", "days": 90, "at_least": 1},
                    {"none": [{"kind": "first_of_category", "codes": ["tea"]}]},
                    {"kind": "birthday"}]}  # fmt: skip
    needs = RuleSet([rule(1, "b", effect=BONUS, when=tree)], Terms()).needs

    assert (needs.windows, needs.categories) == ({"90d"}, {"tea"})
    assert needs.member == {"birth_date"}
    assert msgspec.structs.asdict(RuleSet([rule(1, "b", points=1)], Terms()).needs) == {
        "member": frozenset(), "windows": frozenset(), "categories": frozenset(),
        "price_lists": frozenset(), "gifts": frozenset(), "tenders": frozenset(),
        "product_lists": False, "attributes": False, "store_groups": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "wording",
    [
        {"effects": []},
        {"effects": [BONUS] * 11},
        {"effects": [BONUS], "limits": [{"per": "period", "what": "uses", "max": 1}]},
        {"effects": [BONUS], "pilot": {}},
        {"effects": [{"kind": "earn_items", "points": 1}, {"kind": "cashback", "basis_points": 1}]},
        {"effects": [{"kind": "charity", "code": "c"}]},
        {"effects": [{"kind": "tiered_points", "by": "amount",
                      "steps": [{"start": 5, "points": 9}, {"start": 6, "points": 1}]}]},
        {"effects": [BONUS], "when": {"all": [{"all": [CARD] * 50}, CARD]}},
    ],
)  # fmt: skip
def test_wordings_that_make_no_sense_are_refused(wording):
    with pytest.raises(definitions.InvalidDefinitionError):
        definitions.parse(wording)
