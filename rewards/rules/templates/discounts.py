"""Offers that take money off: pieces, hours, prices, steps."""

from __future__ import annotations

from rewards.rules.templates.parameters import Parameter
from rewards.rules.templates.template import (
    Document,
    Template,
    Values,
    from_basket,
    offer,
    on_days,
    percent,
    percent_off,
)

GOODS = Parameter(name="goods", kind="goods", default={})
THE_GOODS = Parameter(name="goods", kind="goods")
TEA = {"categories": ["tea"]}


def of_money_or_pieces(name: str) -> Parameter:
    return Parameter(name=name, kind="choice", choices=("quantity", "amount"), default="quantity")


CHEAPEST_FREE = Template(
    "cheapest_free",
    (
        GOODS,
        Parameter(name="of", kind="count", default=3, low=2),
        Parameter(name="free", kind="count", default=1),
    ),
    lambda v: offer(
        {"kind": "pieces_off", "of": v["of"], "take": v["free"], "off": {"kind": "free"}},
        goods=v["goods"],
    ),
    {"goods": TEA},
)

HAPPY_HOURS = Template(
    "happy_hours",
    (
        GOODS,
        Parameter(name="percent", kind="percent", default=1_000),
        Parameter(name="hours", kind="hours", default={"start": "15:00", "end": "17:00"}),
        Parameter(name="weekdays", kind="weekdays", default=[1, 2, 3, 4, 5]),
    ),
    lambda v: offer(percent_off(v["percent"]), goods=v["goods"], when=(on_days(v),)),
    {"percent": 1_500, "weekdays": [1]},
)

MEMBER_PRICE = Template(
    "member_price",
    (GOODS, Parameter(name="price_list", kind="price_list")),
    lambda v: offer(
        {"kind": "price_list", "code": v["price_list"]},
        goods=v["goods"],
        when=({"kind": "card", "shown": True},),
    ),
    {"price_list": "club"},
)

BUNDLE_PRICE = Template(
    "bundle_price",
    (
        Parameter(name="first", kind="goods"),
        Parameter(name="second", kind="goods"),
        Parameter(name="price", kind="price", default=10_00),
    ),
    lambda v: offer(
        {
            "kind": "bundle_off",
            "items": [{"goods": {"include": v[name]}} for name in ("first", "second")],
            "off": {"kind": "price", "price_minor": v["price"]},
        }
    ),
    {"first": {"categories": ["sandwiches"]}, "second": {"categories": ["drinks"]}, "price": 5_00},
)

ANY_FOR_PRICE = Template(
    "any_for_price",
    (
        THE_GOODS,
        Parameter(name="quantity", kind="count", default=3, low=2),
        Parameter(name="price", kind="price", default=10_00),
    ),
    lambda v: offer(
        {"kind": "set_price", "quantity": v["quantity"], "price_minor": v["price"]},
        goods=v["goods"],
    ),
    {"goods": {"categories": ["yoghurts"]}, "price": 2_00},
)

BUY_GET = Template(
    "buy_get",
    (
        THE_GOODS,
        Parameter(name="gets", kind="goods"),
        Parameter(name="percent", kind="percent", default=5_000),
        Parameter(name="buy", kind="count", default=1),
        Parameter(name="get", kind="count", default=1),
    ),
    lambda v: offer(
        {
            "kind": "buy_get",
            "buy": v["buy"],
            "get": v["get"],
            "goods": {"include": v["gets"]},
            "off": percent(v["percent"]),
        },
        goods=v["goods"],
    ),
    {"goods": {"skus": ["coffee-maker"]}, "gets": {"categories": ["coffee"]}},
)

SECOND_CHEAPER = Template(
    "second_cheaper",
    (GOODS, Parameter(name="percent", kind="percent", default=5_000)),
    lambda v: offer(
        {"kind": "pieces_off", "pick": "every", "of": 2, "off": percent(v["percent"])},
        goods=v["goods"],
    ),
    {"goods": {"categories": ["shoes"]}},
)


def _ladder(values: Values) -> Document:
    steps = [{"start": step["start"], "off": percent(step["percent"])} for step in values["steps"]]
    return offer({"kind": "tiered_off", "by": values["by"], "steps": steps}, goods=values["goods"])


LADDER = Template(
    "ladder",
    (
        GOODS,
        of_money_or_pieces("by"),
        Parameter(
            name="steps",
            kind="off_steps",
            default=[
                {"start": 2, "percent": 500},
                {"start": 4, "percent": 1_000},
                {"start": 6, "percent": 1_500},
            ],
        ),
    ),
    _ladder,
    {"goods": {"categories": ["wine"]}},
)

FUEL_DISCOUNT = Template(
    "fuel_discount",
    (THE_GOODS, Parameter(name="each", kind="money", default=3)),
    lambda v: offer({"kind": "amount_off_each", "amount_minor": v["each"]}, goods=v["goods"]),
    {"goods": {"categories": ["fuel"]}},
)

COUPON_DISCOUNT = Template(
    "coupon_discount",
    (
        GOODS,
        Parameter(name="amount", kind="money", default=5_00),
        Parameter(name="basket", kind="money", optional=True),
    ),
    lambda v: offer(
        {"kind": "amount_off", "amount_minor": v["amount"]},
        goods=v["goods"],
        when=(from_basket(v["basket"]),),
        coupon={"required": True},
    ),
    {"basket": 20_00},
)

FREE_DELIVERY = Template(
    "free_delivery",
    (
        Parameter(name="basket", kind="money", default=30_00),
        Parameter(name="channels", kind="channels", default=["online"]),
    ),
    lambda v: offer(
        {"kind": "free_delivery"},
        when=({"kind": "channels", "codes": v["channels"]}, from_basket(v["basket"])),
    ),
    {},
)

GIFT = Template(
    "gift",
    (
        Parameter(name="basket", kind="money", default=50_00),
        Parameter(name="products", kind="products"),
    ),
    lambda v: offer({"kind": "gift", "skus": v["products"]}, when=(from_basket(v["basket"]),)),
    {"products": ["mug", "bag", "pen"]},
)
