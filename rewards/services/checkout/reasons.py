"""Decisions in words: what a cashier, a marketer or a customer reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from loyalty_crm.kernel.money import Money

_TEXTS = {
    "best_on_line": gettext_lazy("%(name)s: discount %(discount)s"),
    "off_basket": gettext_lazy("%(name)s: discount %(discount)s"),
    "price_floor": gettext_lazy(
        "%(name)s: discount %(discount)s instead of %(wanted)s, the price cannot go below zero"
    ),
    "cost_floor": gettext_lazy(
        "%(name)s: discount %(discount)s instead of %(wanted)s, nothing is sold below cost"
    ),
    "share_floor": gettext_lazy(
        "%(name)s: discount %(discount)s instead of %(wanted)s, the lowest price is reached"
    ),
    "line_cap": gettext_lazy(
        "%(name)s: discount %(discount)s instead of %(wanted)s, its most on one line"
    ),
    "narrowest_rule": gettext_lazy("%(name)s: %(points)s points"),
    "bonus": gettext_lazy("%(name)s: %(points)s bonus points"),
    "better_discount": gettext_lazy("%(name)s gave way to a better discount, %(by)s"),
    "narrower_rule": gettext_lazy("%(name)s gave way to a more specific rule, %(by)s"),
    "goods": gettext_lazy("%(name)s: none of the goods count for it"),
    "store": gettext_lazy("%(name)s does not apply in this store"),
    "channel": gettext_lazy("%(name)s does not apply to this channel"),
    "card_required": gettext_lazy("%(name)s needs a card"),
    "printed": gettext_lazy("%(name)s: the receipt was printed already"),
    "with_card": gettext_lazy("%(name)s: %(lost)s less with a card"),
    "card_shown": gettext_lazy("%(name)s is for customers without a card"),
    "no_member": gettext_lazy("%(name)s: nobody showed a card"),
    "not_yet": gettext_lazy("%(name)s begins on %(day)s"),
    "no_longer": gettext_lazy("%(name)s ended on %(day)s"),
    "weekday": gettext_lazy("%(name)s applies on: %(days)s"),
    "hours": gettext_lazy("%(name)s applies from %(from)s to %(to)s"),
    "min_spend": gettext_lazy("%(name)s: %(missing)s more to get it"),
    "age": gettext_lazy("%(name)s is for another age"),
    "award": gettext_lazy("%(name)s: a reward besides points and discounts"),
    "birth_date_unknown": gettext_lazy("%(name)s: the member's birth date is not known"),
    "birthday": gettext_lazy("%(name)s applies around the member's birthday"),
    "bundle": gettext_lazy("%(name)s: the bundle is not complete"),
    "coupon": gettext_lazy("%(name)s needs a coupon"),
    "enrolled": gettext_lazy("%(name)s is for members of another standing"),
    "excluded": gettext_lazy("%(name)s does not apply: a condition excludes this sale"),
    "first_of_category": gettext_lazy("%(name)s is for the first purchase of a category"),
    "gone": gettext_lazy("%(name)s: nothing of it is left"),
    "last_purchase": gettext_lazy("%(name)s: the last purchase was at another time"),
    "limit_reached": gettext_lazy("%(name)s: its limit is reached"),
    "no_gain": gettext_lazy("%(name)s would change nothing here"),
    "nth_purchase": gettext_lazy("%(name)s is for another purchase than this one"),
    "out_of_stock": gettext_lazy("%(name)s: the gift is out of stock"),
    "segments": gettext_lazy("%(name)s is for other members"),
    "tags": gettext_lazy("%(name)s is for other members"),
    "tender": gettext_lazy("%(name)s needs another way to pay"),
    "basket_total": gettext_lazy("%(name)s: %(missing)s more in the basket to get it"),
    "too_little": gettext_lazy("%(name)s: too little of the goods for one"),
    "receipt_cap": gettext_lazy("%(name)s: cut to the most it gives on one receipt"),
    "max_discount": gettext_lazy("%(name)s: cut to the most that a receipt may lose"),
    "group": gettext_lazy("%(name)s gave way to %(by)s of the same group"),
    "not_with": gettext_lazy("%(name)s does not go together with %(by)s"),
    "window_spend": gettext_lazy("%(name)s: the member has bought too little before"),
    "window_spend_over": gettext_lazy("%(name)s: the member has bought too much before"),
    "window_visits": gettext_lazy("%(name)s: the member has come too rarely before"),
    "window_visits_over": gettext_lazy("%(name)s: the member has come too often before"),
    "window_unknown": gettext_lazy("%(name)s: the member's purchases are not known here"),
    "tier": gettext_lazy("%(name)s is for other tiers"),
    "price_is_final": gettext_lazy("%(name)s: the receipt is printed, its price stands"),
}
_MORE = ngettext_lazy(
    "%(name)s: %(missing)s more item to get it",
    "%(name)s: %(missing)s more items to get it",
    "missing",
)
_TEXTS |= {
    "min_quantity": _MORE,
    "basket_items": _MORE,
    "basket_distinct": ngettext_lazy(
        "%(name)s: %(missing)s more kind of goods to get it",
        "%(name)s: %(missing)s more kinds of goods to get it",
        "missing",
    ),
    "gets": gettext_lazy("%(name)s: put in what comes cheaper with it"),
}
_FLOORS = {"price_floor", "cost_floor", "share_floor", "line_cap"}
#: Of "limit_reached", by the kind of the limit.
_LIMITS = {
    "receipt": gettext_lazy("%(name)s: one receipt gets no more of it"),
    "member": gettext_lazy("%(name)s: the member has had all there is for one"),
    "member_day": gettext_lazy("%(name)s: the member has had all there is for one on a day"),
    "day": gettext_lazy("%(name)s: all there is for the day is used"),
    "week": gettext_lazy("%(name)s: all there is for the week is used"),
    "month": gettext_lazy("%(name)s: all there is for the month is used"),
    "quarter": gettext_lazy("%(name)s: all there is for the quarter is used"),
    "year": gettext_lazy("%(name)s: all there is for the year is used"),
    "store": gettext_lazy("%(name)s: all there is for this store is used"),
    "total": gettext_lazy("%(name)s: all of its budget is used"),
}
#: Reasons whose numbers are amounts of money; those of all others are pieces.
_OF_MONEY = {
    "min_spend", "basket_total", "with_card", "receipt_cap", "max_discount", "limit_reached",
    *_FLOORS,
}  # fmt: skip
_MONEY = {"wanted", "missing", "needed", "have", "lost"}
_DISCOUNTS = {"best_on_line", "off_basket", *_FLOORS}


def in_words(decision: Mapping[str, Any], currency: str) -> str:
    """One sentence in the reader's language; an unknown reason is shown by its code."""
    template = _text_of(decision)
    if template is None:
        return f"{decision['name']}: {decision['reason']}"
    values = _Values(
        name=decision["name"],
        points=decision.get("points", 0),
        **{name: _shown(decision, name) for name in decision["params"]},
    )
    # Most decisions are about points, and writing money in words costs more than the rules do.
    if decision["reason"] in _DISCOUNTS:
        values["discount"] = Money(decision.get("discount_minor", 0), currency).format()
    if decision["reason"] in _OF_MONEY:
        values.update(_money(decision["params"], currency))
    return str(template % values)


def _text_of(decision: Mapping[str, Any]) -> Any:
    if decision["reason"] == "limit_reached" and "per" in decision["params"]:
        return _LIMITS[decision["params"]["per"]]
    return _TEXTS.get(decision["reason"])


class _Values(dict[str, Any]):
    """What an old decision does not say is left open in its sentence."""

    def __missing__(self, name: str) -> str:
        return "…"


def _shown(decision: Mapping[str, Any], name: str) -> Any:
    value = decision["params"][name]
    if name == "days":
        return ", ".join(str(WEEKDAYS[int(day) - 1]) for day in value)
    return ", ".join(value) if isinstance(value, list) else value


def _money(params: Mapping[str, Any], currency: str) -> dict[str, str]:
    return {
        name: Money(value, currency).format()
        for name, value in params.items()
        if name in _MONEY and isinstance(value, int)
    }


def bound_in_words(bound: str) -> str:
    """What limits payment with points."""
    texts = {
        "share": _("the largest part of a receipt that points may pay"),
        "goods": _("the goods that may be paid with points"),
        "balance": _("the points available"),
        "minimum": _("the fewest points that can be spent at once"),
        "no_member": _("nobody showed a card"),
        "card_not_active": _("the card is not activated"),
        "member_not_active": _("the member is blocked"),
        "wallet_frozen": _("the points account is frozen"),
    }
    return texts.get(bound, bound)
