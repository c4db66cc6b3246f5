"""Twenty lines priced by 10 to 10 000 live promotions: what costs is what can match."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bench.measure import Row, interleaved, micro, per_call
from rewards.rules import definitions
from rewards.rules.basket import Basket, BasketLine, MemberFacts
from rewards.rules.quote import quote
from rewards.rules.rule_set import Rule, RuleSet
from rewards.rules.terms import Terms

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
SIZES = (10, 100, 1_000, 10_000)
CALLS = 300


def run(short: bool) -> list[Row]:
    basket = basket_of(20)
    sets = {size: RuleSet(rules(size), Terms()) for size in SIZES}
    found = interleaved(
        {
            str(size): lambda size=size: per_call(lambda: quote(basket, sets[size]), CALLS)
            for size in SIZES
        },
        3 if short else 7,
    )
    base = found[str(SIZES[0])]
    goals = {100: ("–", "–"), 1_000: ("≤ 1.5", "≤ 1.2"), 10_000: ("≤ 3", "≤ 2")}
    return [
        Row(
            f"quote, 20 lines, {size:,} promotions",
            f"10 promotions {micro(base)}",
            micro(found[str(size)]),
            found[str(size)] / base,
            *goals[size],
        )
        for size in SIZES[1:]
    ]


def basket_of(lines: int) -> Basket:
    return Basket(
        store="bench",
        at=AT,
        member=MemberFacts(),
        lines=tuple(
            BasketLine(
                line_no=no,
                sku=f"P{no}",
                quantity_milli=1000,
                unit_price_minor=250 + no,
                gross_minor=250 + no,
                categories=(f"dept{no % 4}", f"dept{no % 4}/cat{no % 8}"),
                brand=f"brand{no % 6}",
            )
            for no in range(1, lines + 1)
        ),
    )


def rules(count: int) -> list[Rule]:
    """Ten rules that see the basket, as every shop has, and others that wait for something else.

    Of ten others seven name goods that are not in the basket, one a coupon, one a tag, one a
    store: the last three are about everything, but none of them is woken.
    """
    seen = [
        {"effects": [earn(1)]},
        {"goods": {"include": {"categories": ["dept1"]}}, "effects": [earn(2)]},
        {"goods": {"include": {"skus": ["P3", "P9"]}}, "effects": [earn(3)]},
        {"goods": {"include": {"brands": ["brand2"]}}, "effects": [earn(2)]},
        {"goods": {"include": {"categories": ["dept2/cat2"]}}, "effects": [off(500)]},
        {"goods": {"include": {"categories": ["dept3"]}}, "effects": [off(300)]},
        {"goods": {"include": {"skus": ["P5"]}}, "effects": [off(1000)]},
        {
            "when": {"all": [{"kind": "min_spend", "amount_minor": 2000}]},
            "effects": [{"kind": "amount_off", "amount_minor": 100}],
        },
        {
            "when": {"all": [{"kind": "min_spend", "amount_minor": 3000}]},
            "effects": [{"kind": "fixed_points", "points": 50}],
        },
        {
            "when": {"all": [{"kind": "schedule", "weekdays": [6, 7]}]},
            "effects": [{"kind": "fixed_points", "points": 5}],
        },
    ]
    others = [other(no) for no in range(count - len(seen))]
    return [rule(no, definition) for no, definition in enumerate([*seen, *others], start=1)]


def other(no: int) -> dict[str, Any]:
    """A live promotion that has nothing to do with the basket."""
    effects = [earn(2) if no % 2 else off(500)]
    if no % 10 == 7:
        return {"coupon": {"required": True}, "effects": effects}
    if no % 10 == 8:
        return {"when": {"kind": "tags", "codes": [f"tag{no}"]}, "effects": effects}
    if no % 10 == 9:
        return {"when": {"kind": "stores", "codes": [f"store{no}"]}, "effects": effects}
    goods = {"skus": [f"X{no}", f"Y{no}"], "categories": [f"other{no}"]}
    return {"goods": {"include": goods}, "effects": effects}


def earn(points: int) -> dict[str, Any]:
    return {"kind": "earn_rate", "points": points, "per_minor": 100}


def off(basis_points: int) -> dict[str, Any]:
    return {"kind": "percent_off", "basis_points": basis_points}


def rule(no: int, definition: dict[str, Any]) -> Rule:
    return Rule(
        version_id=no,
        promotion_id=no,
        code=f"rule-{no}",
        name=f"Rule {no}",
        number=1,
        priority=100,
        definition=definitions.parse(definition),
        starts_at=None,
        ends_at=None,
    )
