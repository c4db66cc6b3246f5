"""Baskets, rules and programmes for tests of the pure rules: by hand and by chance."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from rewards.rules import definitions
from rewards.rules.basket import Basket, BasketLine, MemberFacts, Window
from rewards.rules.groups import Group
from rewards.rules.rule_set import Rule, RuleSet
from rewards.rules.terms import Terms

MEMBER = MemberFacts(windows={"year": Window(spend_minor=500, visits=1)})
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
SKUS = ["tea", "rice", "soap", "vodka", "bag"]
CATEGORIES = [(), ("food",), ("food", "drinks"), ("home",)]


def line(number, sku, gross, **details):
    quantity = details.pop("quantity_milli", 1000)
    return BasketLine(
        line_no=number, sku=sku, quantity_milli=quantity, unit_price_minor=gross,
        gross_minor=gross, **details,
    )  # fmt: skip


def sale(*lines, member=None):
    return Basket(store="S1", at=NOON, lines=tuple(lines), member=member)


def rule(
    number, code, *, points=None, effect=None, effects=None, include=None, min_spend=None,
    when=None, stacking=None, thresholds="after_earlier", wording=None, **details,
):  # fmt: skip
    effect = effect or {"kind": "earn_rate", "points": points, "per_minor": 100}
    document = {"effects": effects or [effect], "thresholds": thresholds, **(wording or {})}
    if include:
        document["goods"] = {"include": include}
    if min_spend:
        when = {"all": [{"kind": "min_spend", "amount_minor": min_spend}]}
    if when:
        document["when"] = when
    if stacking:
        document["stacking"] = stacking
    return Rule(
        version_id=number, promotion_id=number, code=code, name=code, number=1,
        priority=details.pop("priority", 100), definition=definitions.parse(document), **details,
    )  # fmt: skip


@st.composite
def baskets(draw, members=None):
    lines = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        gross = draw(st.one_of(st.integers(0, 500), st.integers(0, 100_000)))
        lines.append(
            line(
                number, draw(st.sampled_from(SKUS)), gross,
                quantity_milli=draw(st.sampled_from([1, 500, 1000, 3000, 2345])),
                manual_discount_minor=draw(st.integers(0, gross)) // 3,
                categories=draw(st.sampled_from(CATEGORIES)),
                brand=draw(st.sampled_from(["", "Leaf"])),
                cost_minor=draw(st.sampled_from([None, 3, 70, 9_000])),
                prices=draw(st.sampled_from([{}, {"club": 2}, {"club": 300}])),
                excluded_from_earning=draw(st.booleans()) and draw(st.booleans()),
                excluded_from_redemption=draw(st.booleans()) and draw(st.booleans()),
            )
        )  # fmt: skip
    members = st.sampled_from([None, MEMBER]) if members is None else members
    return sale(*lines, member=draw(members))


INCLUDES = st.sampled_from(
    [None, None, {"skus": ["tea", "bag"]}, {"categories": ["food"]}, {"brands": ["Leaf"]},
     {"categories": ["drinks"], "skus": ["soap"]}]
)  # fmt: skip
ROUNDINGS = st.sampled_from(["down", "half_up", "up", "carry"])
SELECTORS = INCLUDES.map(lambda include: {"include": include or {}})


def kind(name, **fields):
    return st.fixed_dictionaries({"kind": st.just(name), **fields})


OFFS = st.one_of(
    kind("free"),
    kind("percent", basis_points=st.integers(1, 10_000)),
    kind("amount", amount_minor=st.integers(1, 2_000)),
    kind("price", price_minor=st.integers(0, 2_000)),
)
SMALL = st.integers(1, 4)
RATES = st.one_of(
    kind(
        "earn_rate", points=st.integers(0, 7), per_minor=st.sampled_from([1, 30, 100, 1000]),
        scope=st.sampled_from(["receipt", "line"]), rounding=st.none() | ROUNDINGS,
        phase=st.sampled_from(["base", "bonus"]), whole_steps=st.booleans(),
        tiers=st.sampled_from([[], [{"from_minor": 500, "points": 7},
                                    {"from_minor": 9_000, "points": 11}]]),
    ),
    kind("earn_items", points=st.integers(0, 9), by=st.sampled_from(["pieces", "quantity"]),
         phase=st.sampled_from(["base", "bonus"])),
    kind("cashback", basis_points=st.integers(1, 3_000), rounding=st.none() | ROUNDINGS),
)  # fmt: skip
POINTS = st.one_of(
    RATES,
    kind("fixed_points", points=st.integers(1, 500)),
    kind("multiply_points", tenths=st.sampled_from([11, 15, 20, 30])),
    kind("tiered_points", by=st.sampled_from(["amount", "quantity"]),
         steps=st.just([{"start": 2, "points": 5}, {"start": 700, "points": 80}])),
)  # fmt: skip
LEVELS = st.sampled_from(["line", "basket"])
DISCOUNTS = st.one_of(
    kind("percent_off", basis_points=st.integers(1, 10_000), phase=LEVELS),
    kind("amount_off", amount_minor=st.integers(1, 20_000)),
    kind("amount_off_each", amount_minor=st.integers(1, 2_000)),
    kind("fixed_price", price_minor=st.integers(0, 2_000)),
    kind("price_list", code=st.just("club")),
    kind("tiered_off", by=st.sampled_from(["amount", "quantity"]), phase=LEVELS,
         steps=st.tuples(OFFS, OFFS).map(
             lambda offs: [{"start": 2, "off": offs[0]}, {"start": 900, "off": offs[1]}])),
    kind("cumulative_off", period=st.just("year"), steps=st.just(
        [{"at_least_minor": 1, "basis_points": 300},
         {"at_least_minor": 900, "basis_points": 700}])),
    kind("pieces_off", pick=st.sampled_from(["cheapest", "dearest", "every"]), of=SMALL,
         take=SMALL, off=OFFS, max_times=st.none() | SMALL),
    kind("set_price", quantity=st.integers(2, 4), price_minor=st.integers(0, 5_000)),
    kind("bundle_off", off=OFFS, items=st.lists(
        st.fixed_dictionaries({"goods": SELECTORS, "quantity": SMALL}), min_size=1, max_size=3)),
    kind("buy_get", buy=SMALL, get=SMALL, goods=st.none() | SELECTORS, off=OFFS,
         pick=st.sampled_from(["cheapest", "dearest"])),
)  # fmt: skip
AWARDS = st.one_of(
    kind("stamps", code=st.just("coffee"), count=SMALL, per=st.sampled_from(["receipt", "item"])),
    kind("gift", skus=st.just(["mug", "pen"])),
    kind("draw_tickets", code=st.just("car"), per=st.just("amount"), per_minor=st.just(500)),
    kind("charity", code=st.just("forest"), basis_points=st.integers(1, 500)),
    kind("free_delivery"),
)
EFFECTS = st.one_of(POINTS, DISCOUNTS, AWARDS)
CONDITIONS = st.one_of(
    kind("min_spend", amount_minor=st.integers(1, 60_000)),
    kind("min_quantity", quantity=SMALL),
    kind("basket_total", amount_minor=st.integers(1, 60_000)),
    kind("basket_items", quantity=SMALL),
    kind("basket_distinct", count=SMALL),
    kind("bundle", items=st.lists(
        st.fixed_dictionaries({"goods": SELECTORS, "quantity": SMALL}), min_size=1, max_size=3)),
    kind("card", shown=st.booleans()),
    kind("stores", codes=st.sampled_from([["S1"], ["S2"]])),
    kind("schedule", weekdays=st.just([3, 5])),
)  # fmt: skip
TREES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.fixed_dictionaries({word: st.lists(inner, min_size=1, max_size=3)})
        for word in ("all", "any", "none")
    ),
    max_leaves=4,
)
CAPS = st.fixed_dictionaries(
    {},
    optional={
        "line_minor": st.integers(1, 500), "line_basis_points": st.integers(1, 10_000),
        "receipt_minor": st.integers(1, 3_000), "receipt_points": st.integers(1, 300),
        "floor_basis_points": st.integers(1, 10_000),
    },
)  # fmt: skip
GROUPS = [
    Group("all"), Group("first", "first"), Group("member", "best_member"),
    Group("shop", "best_shop"), Group("two", "max_n", 2),
]  # fmt: skip


@st.composite
def stackings(draw):
    return {
        "group": draw(st.none() | st.sampled_from([group.code for group in GROUPS])),
        "not_with": draw(st.just([]) | st.just(["r2", "r4"])),
        "caps": draw(st.just({}) | CAPS),
    }


def effects():
    """One effect, or several of which at most one is rounded once a receipt."""
    several = st.lists(
        st.one_of(DISCOUNTS, AWARDS, kind("fixed_points", points=st.integers(1, 50))), max_size=2
    )
    return st.tuples(EFFECTS, several).map(lambda both: [both[0], *both[1]])


@st.composite
def terms_of_programmes(draw):
    return Terms(
        units_per_point=draw(st.sampled_from([1, 10, 100])),
        point_value_minor=draw(st.sampled_from([1, 3, 50, 100])),
        rounding=draw(ROUNDINGS),
        earning_base=draw(st.sampled_from(["money", "net"])),
        max_points_share_percent=draw(st.sampled_from([0, 30, 50, 100])),
        max_discount_percent=draw(st.sampled_from([0, 40, 100, 100])),
        price_floor=draw(st.sampled_from(["zero", "cost"])),
        min_redeem_points=draw(st.sampled_from([0, 0, 100])),
    )


@st.composite
def rule_sets(draw):
    """A base rule, and up to six others of every kind."""
    others = [
        rule(
            number, f"r{number}", effects=draw(effects()), include=draw(INCLUDES),
            when=draw(st.none() | TREES), stacking=draw(st.just({}) | stackings()),
            thresholds=draw(st.sampled_from(["after_earlier", "before_discounts"])),
            priority=draw(st.sampled_from([50, 100])),
        )
        for number in range(2, draw(st.integers(1, 7)) + 1)
    ]  # fmt: skip
    rules = [rule(1, "default", points=1), *others]
    return RuleSet(rules, draw(terms_of_programmes()), version=1, groups=GROUPS)
