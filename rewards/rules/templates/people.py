"""Offers that know the buyer: birthdays, first and second purchases, what was spent before."""

from __future__ import annotations

from rewards.rules.templates.discounts import GOODS
from rewards.rules.templates.parameters import Parameter
from rewards.rules.templates.template import (
    Document,
    Template,
    Values,
    from_basket,
    offer,
    percent_off,
)

BASKET = Parameter(name="basket", kind="money", optional=True)

BIRTHDAY = Template(
    "birthday",
    (
        GOODS,
        Parameter(name="percent", kind="percent", default=1_500),
        Parameter(name="days_before", kind="days", default=3, high=180),
        Parameter(name="days_after", kind="days", default=3, high=180),
    ),
    lambda v: offer(
        percent_off(v["percent"]),
        goods=v["goods"],
        when=(
            {
                "kind": "birthday",
                "days_before": v["days_before"],
                "days_after": v["days_after"],
            },
        ),
    ),
    {"percent": 2_000, "days_after": 0},
)

WELCOME = Template(
    "welcome",
    (Parameter(name="points", kind="points", default=500), BASKET),
    lambda v: offer(
        {"kind": "fixed_points", "points": v["points"]},
        when=({"kind": "nth_purchase", "numbers": [1]}, from_basket(v["basket"])),
    ),
    {"points": 300, "basket": 10_00},
)

SECOND_PURCHASE = Template(
    "second_purchase",
    (
        Parameter(name="percent", kind="percent", default=1_000),
        Parameter(name="days", kind="days", default=14),
        BASKET,
    ),
    lambda v: offer(
        percent_off(v["percent"], phase="basket"),
        when=(
            {"kind": "nth_purchase", "numbers": [2]},
            {"kind": "last_purchase", "max_days": v["days"]},
            from_basket(v["basket"]),
        ),
    ),
    {},
)

WIN_BACK = Template(
    "win_back",
    (
        Parameter(name="percent", kind="percent", default=1_500),
        Parameter(name="days", kind="days", default=60, low=1),
        BASKET,
    ),
    lambda v: offer(
        percent_off(v["percent"], phase="basket"),
        when=({"kind": "last_purchase", "min_days": v["days"]}, from_basket(v["basket"])),
    ),
    {},
)

NEW_CATEGORY = Template(
    "new_category",
    (
        Parameter(name="categories", kind="categories"),
        Parameter(name="points", kind="points", default=200),
    ),
    lambda v: offer(
        {"kind": "fixed_points", "points": v["points"]},
        goods={"categories": v["categories"]},
        when=({"kind": "first_of_category", "codes": v["categories"]},),
    ),
    {"categories": ["pets"]},
)


def _discount_card(values: Values) -> Document:
    steps = [
        {"at_least_minor": step["start"], "basis_points": step["percent"]}
        for step in values["steps"]
    ]
    card = {"kind": "cumulative_off", "days": values["days"], "steps": steps}
    return offer(card, goods=values["goods"])


DISCOUNT_CARD = Template(
    "discount_card",
    (
        GOODS,
        Parameter(
            name="steps",
            kind="spend_steps",
            default=[
                {"start": 100_00, "percent": 300},
                {"start": 500_00, "percent": 500},
                {"start": 1_000_00, "percent": 700},
            ],
        ),
        Parameter(name="days", kind="days", default=365, low=1),
    ),
    _discount_card,
    {},
)
