"""Each effect as a few plain words. A test holds this list to the registry of effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rewards.admin.speaking import Speaker

Effect = Mapping[str, Any]


def effect_words(effect: Effect, say: Speaker) -> str:
    return WORDS[effect["kind"]](effect, say)


def _earn_rate(effect: Effect, say: Speaker) -> str:
    words = {"points": say.points(effect["points"]), "money": say.money(effect["per_minor"])}
    if effect.get("whole_steps"):
        return _("%(points)s for every full %(money)s") % words
    said = _("%(points)s for every %(money)s") % words
    for tier in effect.get("tiers", []):
        more = {"points": say.points(tier["points"]), "money": say.money(tier["from_minor"])}
        said += _(", %(points)s from %(money)s on") % more
    return said


def _earn_items(effect: Effect, say: Speaker) -> str:
    words = {"points": say.points(effect["points"])}
    if effect.get("by") == "quantity":
        return _("%(points)s for every litre, kilogram or item") % words
    return _("%(points)s for every item") % words


def _cashback(effect: Effect, say: Speaker) -> str:
    return _("%(percent)s %% back as points") % {"percent": say.percent(effect["basis_points"])}


def _fixed_points(effect: Effect, say: Speaker) -> str:
    return _("%(points)s once a receipt") % {"points": say.points(effect["points"])}


def _multiply(effect: Effect, say: Speaker) -> str:
    return _("base points times %(times)s") % {"times": f"{effect['tenths'] / 10:g}"}


def _cumulative(effect: Effect, say: Speaker) -> str:
    steps = [
        _("%(percent)s %% off for who has spent %(money)s")
        % {"percent": say.percent(step["basis_points"]), "money": say.money(step["at_least_minor"])}
        for step in effect["steps"]
    ]
    return f"{', '.join(steps)} {period_words(effect)}"


def period_words(part: Effect) -> str:
    """The stretch of time in which purchases are counted."""
    if days := part.get("days"):
        return ngettext("in the last day", "in the last %(days)s days", days) % {"days": days}
    spans = {
        "month": _("since the month began"), "quarter": _("since the quarter began"),
        "year": _("since the year began"),
    }  # fmt: skip
    return spans[part["period"]]


def _start(effect: Effect, start: int, say: Speaker) -> str:
    if effect["by"] == "amount":
        return say.money(start)
    return ngettext("%(count)s item", "%(count)s items", start) % {"count": start}


def _tiered_points(effect: Effect, say: Speaker) -> str:
    return ", ".join(
        _("%(points)s from %(start)s on")
        % {"points": say.points(step["points"]), "start": _start(effect, step["start"], say)}
        for step in effect["steps"]
    )


def _percent_off(effect: Effect, say: Speaker) -> str:
    return _("%(percent)s %% off") % {"percent": say.percent(effect["basis_points"])}


def _amount_off(effect: Effect, say: Speaker) -> str:
    return _("%(money)s off") % {"money": say.money(effect["amount_minor"])}


def _amount_off_each(effect: Effect, say: Speaker) -> str:
    return _("%(money)s off each item, litre or kilogram") % {
        "money": say.money(effect["amount_minor"])
    }


def _fixed_price(effect: Effect, say: Speaker) -> str:
    return _("a price of %(money)s") % {"money": say.money(effect["price_minor"])}


def _price_list(effect: Effect, say: Speaker) -> str:
    return _("prices of the list %(code)s") % {"code": effect["code"]}


def off_words(off: Effect, say: Speaker) -> str:
    match off["kind"]:
        case "percent":
            return _percent_off(off, say)
        case "amount":
            return _amount_off(off, say)
        case "price":
            return _("for %(money)s") % {"money": say.money(off["price_minor"])}
        case _:
            return _("free")


def _tiered_off(effect: Effect, say: Speaker) -> str:
    return ", ".join(
        _("%(off)s from %(start)s on")
        % {"off": off_words(step["off"], say), "start": _start(effect, step["start"], say)}
        for step in effect["steps"]
    )


def _pieces_off(effect: Effect, say: Speaker) -> str:
    words = {
        "take": effect.get("take", 1), "of": effect["of"], "off": off_words(effect["off"], say),
    }  # fmt: skip
    match effect.get("pick", "cheapest"):
        case "dearest":
            return _("of every %(of)s items the %(take)s dearest: %(off)s") % words
        case "every":
            return _("%(take)s of every %(of)s items in a row: %(off)s") % words
        case _:
            return _("of every %(of)s items the %(take)s cheapest: %(off)s") % words


def _set_price(effect: Effect, say: Speaker) -> str:
    words = {"count": effect["quantity"], "money": say.money(effect["price_minor"])}
    return _("any %(count)s items for %(money)s") % words


def items_words(items: list[Effect], say: Speaker) -> str:
    return " + ".join(f"{item.get('quantity', 1)} × {say.goods(item['goods'])}" for item in items)


def _bundle_off(effect: Effect, say: Speaker) -> str:
    words = {"items": items_words(effect["items"], say), "off": off_words(effect["off"], say)}
    return _("%(items)s together: %(off)s") % words


def _buy_get(effect: Effect, say: Speaker) -> str:
    words = {
        "buy": effect["buy"], "get": effect.get("get", 1), "off": off_words(effect["off"], say),
    }  # fmt: skip
    if not effect.get("goods"):
        return _("buy %(buy)s, get %(get)s more: %(off)s") % words
    words["goods"] = say.goods(effect["goods"])
    return _("for every %(buy)s bought %(get)s of %(goods)s: %(off)s") % words


def _counted(effect: Effect, say: Speaker, what: str) -> str:
    said = f"{effect.get('count', 1)} × {what}"
    match effect.get("per", "receipt"):
        case "item":
            return _("%(what)s for every item") % {"what": said}
        case "amount":
            words = {"what": said, "money": say.money(effect["per_minor"])}
            return _("%(what)s for every full %(money)s") % words
        case _:
            return said


def _gift(effect: Effect, say: Speaker) -> str:
    return _counted(effect, say, _("gift (%(skus)s)") % {"skus": say.codes(effect["skus"])})


def _stamps(effect: Effect, say: Speaker) -> str:
    return _counted(effect, say, _("stamp of %(code)s") % {"code": effect["code"]})


def _coupon(effect: Effect, say: Speaker) -> str:
    said = _counted(effect, say, _("coupon %(code)s") % {"code": effect["code"]})
    if days := effect.get("valid_days"):
        return said + ", " + _("valid for %(days)s days") % {"days": days}
    return said


def _tickets(effect: Effect, say: Speaker) -> str:
    return _counted(effect, say, _("ticket for the draw %(code)s") % {"code": effect["code"]})


def _plays(effect: Effect, say: Speaker) -> str:
    return _counted(effect, say, _("turn in the game %(code)s") % {"code": effect["code"]})


def _tag(effect: Effect, say: Speaker) -> str:
    return _("the tag %(code)s") % {"code": effect["code"]}


def _charity(effect: Effect, say: Speaker) -> str:
    share = effect.get("basis_points")
    gift = f"{say.percent(share)} %" if share else say.money(effect["amount_minor"])
    return _("%(gift)s to the charity %(code)s") % {"gift": gift, "code": effect["code"]}


def _message(effect: Effect, say: Speaker) -> str:
    text = next(iter(effect["text"].values()))
    if effect["to"] == "cashier":
        return _("tells the cashier: %(text)s") % {"text": text}
    return _("prints on the receipt: %(text)s") % {"text": text}


WORDS: dict[str, Callable[[Effect, Speaker], str]] = {
    "earn_rate": _earn_rate, "earn_items": _earn_items, "cashback": _cashback,
    "fixed_points": _fixed_points, "multiply_points": _multiply, "tiered_points": _tiered_points,
    "percent_off": _percent_off, "amount_off": _amount_off, "amount_off_each": _amount_off_each,
    "fixed_price": _fixed_price, "price_list": _price_list, "tiered_off": _tiered_off,
    "cumulative_off": _cumulative,
    "pieces_off": _pieces_off, "set_price": _set_price, "bundle_off": _bundle_off,
    "buy_get": _buy_get, "gift": _gift, "free_delivery": lambda _e, _s: _("free delivery"),
    "stamps": _stamps, "next_coupon": _coupon, "draw_tickets": _tickets, "game_plays": _plays,
    "tag": _tag, "charity": _charity, "message": _message,
}  # fmt: skip
