"""Templates in words: what an offer is called, what it does, and what each blank means."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


class Told(NamedTuple):
    """A template's name and one sentence about it."""

    name: Words
    about: Words


#: By the template's code. A test holds this to the list of templates.
TEMPLATES: dict[str, Told] = {
    "cheapest_free": Told(
        _("3 for 2"), _("Of every few items bought, the cheapest ones are free.")
    ),
    "happy_hours": Told(
        _("Happy hours"), _("A discount at certain hours of certain days, in the store's time.")
    ),
    "double_points": Told(
        _("Double points day"), _("Base points are multiplied on certain days of the week.")
    ),
    "birthday": Told(
        _("Birthday"), _("A discount for the member around the birthday, days before and after.")
    ),
    "welcome": Told(_("Welcome points"), _("Points for the member's first purchase.")),
    "second_purchase": Told(
        _("Second purchase"), _("A discount for who comes back soon after the first purchase.")
    ),
    "category_push": Told(_("Category push"), _("Extra points for certain goods.")),
    "member_price": Told(
        _("Member price"), _("Members pay the prices of a price list, others the shelf price.")
    ),
    "bundle_price": Told(
        _("Bundle for one price"), _("Two things bought together cost a set price.")
    ),
    "gift": Told(
        _("Gift over a sum"), _("Who buys for a sum chooses one of several gifts, while they last.")
    ),
    "fuel_discount": Told(
        _("Cents off a litre"), _("An amount off every litre, kilogram or piece.")
    ),
    "discount_card": Told(
        _("Cumulative discount card"), _("The more the member has spent, the greater the discount.")
    ),
    "buy_get": Told(
        _("Buy one, get another cheaper"), _("Who buys one product gets another one cheaper.")
    ),
    "second_cheaper": Told(
        _("Second item at half price"), _("Every second item, always the cheaper one, costs less.")
    ),
    "ladder": Told(
        _("The more you buy, the cheaper"), _("The discount on all the goods grows in steps.")
    ),
    "cashback": Told(_("Cashback in points"), _("A share of the price comes back as points.")),
    "coupon_discount": Told(
        _("Money off with a coupon"), _("An amount off for who shows a coupon of the promotion.")
    ),
    "next_coupon": Told(
        _("Coupon for the next visit"), _("Who buys for a sum gets a coupon for a later visit.")
    ),
    "free_delivery": Told(
        _("Free delivery"), _("Orders over a sum are delivered for nothing.")
    ),
    "stamps": Told(_("Stamp card"), _("A stamp for every item, such as a cup of coffee.")),
    "any_for_price": Told(
        _("Any three for one price"), _("A number of items of a choice for one price.")
    ),
    "tender_bonus": Told(
        _("Bonus for a way to pay"), _("Extra points for who pays by certain means.")
    ),
    "win_back": Told(
        _("Welcome back"), _("A discount for members who have not bought for a long time.")
    ),
    "new_category": Told(
        _("First purchase of a category"), _("Points for trying goods never bought before.")
    ),
    "fuel_points": Told(_("Points for a litre"), _("Points for every litre, kilogram or piece.")),
}  # fmt: skip

#: By the parameter's name: it means the same in every template.
PARAMETERS: dict[str, Words] = {
    "amount": _("Amount off"),
    "basket": _("From a basket of"),
    "buy": _("How many to buy"),
    "by": _("Counted by"),
    "categories": _("Categories"),
    "channels": _("Channels"),
    "count": _("Stamps an item"),
    "coupon": _("Promotion of the coupon"),
    "days": _("Days"),
    "days_after": _("Days after"),
    "days_before": _("Days before"),
    "each": _("Amount for each"),
    "first": _("First product"),
    "free": _("Of these free"),
    "get": _("How many come cheaper"),
    "gets": _("Goods that come cheaper"),
    "goods": _("Goods"),
    "hours": _("Hours"),
    "of": _("Of every … items"),
    "on_top": _("On top of the base points"),
    "percent": _("Per cent"),
    "points": _("Points"),
    "price": _("Price"),
    "price_list": _("Price list"),
    "products": _("Gifts to choose from"),
    "quantity": _("How many"),
    "second": _("Second product"),
    "stamp_card": _("Stamp card"),
    "steps": _("Steps"),
    "tenders": _("Ways to pay"),
    "times": _("Times"),
    "weekdays": _("Days of the week"),
}

#: What may be chosen, by the parameter's name and the choice.
CHOICES: dict[tuple[str, str], Words] = {
    ("by", "quantity"): _("items"),
    ("by", "amount"): _("sum of money"),
    ("on_top", "yes"): _("yes"),
    ("on_top", "no"): _("no, instead of them"),
}
