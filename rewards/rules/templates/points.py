"""Offers that give points, stamps and coupons."""

from __future__ import annotations

from rewards.rules.templates.discounts import GOODS, THE_GOODS
from rewards.rules.templates.parameters import Parameter
from rewards.rules.templates.template import Template, from_basket, offer, on_days

DOUBLE_POINTS = Template(
    "double_points",
    (
        GOODS,
        Parameter(name="times", kind="times", default=20),
        Parameter(name="weekdays", kind="weekdays", default=[3]),
    ),
    lambda v: offer(
        {"kind": "multiply_points", "tenths": v["times"]}, goods=v["goods"], when=(on_days(v),)
    ),
    {},
)

CATEGORY_PUSH = Template(
    "category_push",
    (
        THE_GOODS,
        Parameter(name="points", kind="points", default=5),
        Parameter(name="each", kind="money", default=1_00),
    ),
    lambda v: offer(
        {
            "kind": "earn_rate",
            "phase": "bonus",
            "points": v["points"],
            "per_minor": v["each"],
        },
        goods=v["goods"],
    ),
    {"goods": {"categories": ["fruit"]}},
)

CASHBACK = Template(
    "cashback",
    (
        GOODS,
        Parameter(name="percent", kind="percent", default=500),
        Parameter(name="on_top", kind="choice", choices=("yes", "no"), default="yes"),
    ),
    lambda v: offer(
        {
            "kind": "cashback",
            "phase": "bonus" if v["on_top"] == "yes" else "base",
            "basis_points": v["percent"],
        },
        goods=v["goods"],
    ),
    {},
)

TENDER_BONUS = Template(
    "tender_bonus",
    (
        GOODS,
        Parameter(name="tenders", kind="tenders"),
        Parameter(name="percent", kind="percent", default=200),
    ),
    lambda v: offer(
        {"kind": "cashback", "phase": "bonus", "basis_points": v["percent"]},
        goods=v["goods"],
        when=({"kind": "tender", "kinds": v["tenders"]},),
    ),
    {"tenders": ["shop_card"]},
)

FUEL_POINTS = Template(
    "fuel_points",
    (THE_GOODS, Parameter(name="points", kind="points", default=2)),
    lambda v: offer(
        {"kind": "earn_items", "phase": "bonus", "points": v["points"], "by": "quantity"},
        goods=v["goods"],
    ),
    {"goods": {"categories": ["fuel"]}},
)

STAMPS = Template(
    "stamps",
    (
        THE_GOODS,
        Parameter(name="stamp_card", kind="stamp_card"),
        Parameter(name="count", kind="count", default=1),
    ),
    lambda v: offer(
        {"kind": "stamps", "code": v["stamp_card"], "count": v["count"], "per": "item"},
        goods=v["goods"],
    ),
    {"goods": {"categories": ["coffee"]}, "stamp_card": "coffee"},
)

NEXT_COUPON = Template(
    "next_coupon",
    (
        Parameter(name="coupon", kind="coupon"),
        Parameter(name="basket", kind="money", default=40_00),
        Parameter(name="days", kind="days", default=30, low=1),
    ),
    lambda v: offer(
        {"kind": "next_coupon", "code": v["coupon"], "valid_days": v["days"]},
        when=(from_basket(v["basket"]),),
    ),
    {"coupon": "five-off"},
)
