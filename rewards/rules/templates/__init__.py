"""Templates: the usual offers of the trade, each a form of a few parameters.

``by_code["cheapest_free"].build({"of": 3})`` is a definition as somebody would write it.
Names and descriptions in the reader's language: ``rewards.admin.template_words``.
"""

from __future__ import annotations

from rewards.rules.templates.discounts import (
    ANY_FOR_PRICE,
    BUNDLE_PRICE,
    BUY_GET,
    CHEAPEST_FREE,
    COUPON_DISCOUNT,
    FREE_DELIVERY,
    FUEL_DISCOUNT,
    GIFT,
    HAPPY_HOURS,
    LADDER,
    MEMBER_PRICE,
    SECOND_CHEAPER,
)
from rewards.rules.templates.parameters import Parameter
from rewards.rules.templates.people import (
    BIRTHDAY,
    DISCOUNT_CARD,
    NEW_CATEGORY,
    SECOND_PURCHASE,
    WELCOME,
    WIN_BACK,
)
from rewards.rules.templates.points import (
    CASHBACK,
    CATEGORY_PUSH,
    DOUBLE_POINTS,
    FUEL_POINTS,
    NEXT_COUPON,
    STAMPS,
    TENDER_BONUS,
)
from rewards.rules.templates.template import Template

__all__ = ["TEMPLATES", "Parameter", "Template", "by_code"]

#: In the order of the gallery.
TEMPLATES: tuple[Template, ...] = (
    CHEAPEST_FREE, HAPPY_HOURS, DOUBLE_POINTS, BIRTHDAY, WELCOME, SECOND_PURCHASE,
    CATEGORY_PUSH, MEMBER_PRICE, BUNDLE_PRICE, GIFT, FUEL_DISCOUNT, DISCOUNT_CARD,
    BUY_GET, SECOND_CHEAPER, LADDER, CASHBACK, COUPON_DISCOUNT, NEXT_COUPON,
    FREE_DELIVERY, STAMPS, ANY_FOR_PRICE, TENDER_BONUS, WIN_BACK, NEW_CATEGORY, FUEL_POINTS,
)  # fmt: skip

by_code = {template.code: template for template in TEMPLATES}
