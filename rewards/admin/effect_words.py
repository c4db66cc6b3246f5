"""Each effect as a few plain words. A test holds this list to the registry of effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import get_language, gettext_noop, ngettext
from django.utils.translation import gettext as _

from rewards.admin.speaking import Speaker

Effect = Mapping[str, Any]

#: Effects that need no word about the goods when these are all there are.
NAMES_ITS_GOODS = {
    "bundle_off", "fixed_points", "gift", "free_delivery", "stamps", "next_coupon",
    "draw_tickets", "game_plays", "tag", "message", "multiply_points", "cashback", "earn_rate",
}  # fmt: skip


def effect_words(effect: Effect, say: Speaker) -> str:
    said = WORDS[effect["kind"]](effect, say)
    if effect["kind"] in _RATES and effect.get("phase") == "bonus":
        return _("%(what)s on top of the base points") % {"what": said}
    return said


def names_its_goods(effect: Effect) -> bool:
    return effect["kind"] in NAMES_ITS_GOODS


# Points


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
    match effect["tenths"]:
        case 20:
            return _("double base points")
        case 30:
            return _("triple base points")
        case tenths:
            return _("base points times %(times)s") % {"times": say.parts(tenths, 10)}


def _tiered_points(effect: Effect, say: Speaker) -> str:
    return ", ".join(
        _step(effect, step["start"], say.points(step["points"]), say) for step in effect["steps"]
    )


def _step(effect: Effect, start: int, what: str, say: Speaker) -> str:
    """What one gets from so much on."""
    if effect["by"] == "amount":
        return _("from %(money)s: %(what)s") % {"money": say.money(start), "what": what}
    words = ngettext("from %(count)s item: %(what)s", "from %(count)s items: %(what)s", start)
    return words % {"count": start, "what": what}


# Prices


def _percent_off(effect: Effect, say: Speaker) -> str:
    return _("%(percent)s %% off") % {"percent": say.percent(effect["basis_points"])}


def _amount_off(effect: Effect, say: Speaker) -> str:
    return _("%(money)s off") % {"money": say.money(effect["amount_minor"])}


def _amount_off_all(effect: Effect, say: Speaker) -> str:
    return _("%(money)s off together") % {"money": say.money(effect["amount_minor"])}


def _amount_off_each(effect: Effect, say: Speaker) -> str:
    return _("%(money)s off each item, litre or kilogram") % {
        "money": say.money(effect["amount_minor"])
    }


def _fixed_price(effect: Effect, say: Speaker) -> str:
    return _("at %(money)s each") % {"money": say.money(effect["price_minor"])}


def _price_list(effect: Effect, say: Speaker) -> str:
    return _("at the prices of the list %(code)s") % {"code": effect["code"]}


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
        _step(effect, step["start"], off_words(step["off"], say), say) for step in effect["steps"]
    )


def _cumulative(effect: Effect, say: Speaker) -> str:
    steps = [
        _("from %(money)s: %(what)s")
        % {"money": say.money(step["at_least_minor"]), "what": _percent_off(step, say)}
        for step in effect["steps"]
    ]
    words = {"period": period_words(effect), "steps": ", ".join(steps)}
    return _("by what the member spent %(period)s, %(steps)s") % words


def period_words(part: Effect) -> str:
    """The stretch of time in which purchases are counted."""
    if days := part.get("days"):
        return ngettext("in the last day", "in the last %(days)s days", days) % {"days": days}
    spans = {
        "month": _("since the month began"), "quarter": _("since the quarter began"),
        "year": _("since the year began"),
    }  # fmt: skip
    return spans[part["period"]]


# Pieces


def _pieces_off(effect: Effect, say: Speaker) -> str:
    take = effect.get("take", 1)
    words = {"take": take, "of": effect["of"], "off": off_words(effect["off"], say)}
    if effect["of"] == 1:
        return _("every item: %(off)s") % words
    single, several = _PICKED[effect.get("pick", "cheapest")]
    return (_(single) if take == 1 else _(several)) % words


#: By which pieces are picked: words for one of them, and for several.
_PICKED = {
    "cheapest": (
        gettext_noop("the cheapest of every %(of)s items: %(off)s"),
        gettext_noop("the %(take)s cheapest of every %(of)s items: %(off)s"),
    ),
    "dearest": (
        gettext_noop("the dearest of every %(of)s items: %(off)s"),
        gettext_noop("the %(take)s dearest of every %(of)s items: %(off)s"),
    ),
    "every": (
        gettext_noop("the cheaper one in every set of %(of)s items: %(off)s"),
        gettext_noop("the %(take)s cheaper ones in every set of %(of)s items: %(off)s"),
    ),
}


def _set_price(effect: Effect, say: Speaker) -> str:
    count = effect["quantity"]
    words = {"count": count, "money": say.money(effect["price_minor"])}
    return ngettext("any item for %(money)s", "any %(count)s items for %(money)s", count) % words


def items_words(items: list[Effect], say: Speaker) -> str:
    return " + ".join(_times(item.get("quantity", 1), say.goods(item["goods"])) for item in items)


def _times(count: int, what: str) -> str:
    return what if count == 1 else f"{count} × {what}"


def _bundle_off(effect: Effect, say: Speaker) -> str:
    words = {"items": items_words(effect["items"], say), "off": off_words(effect["off"], say)}
    return _("%(items)s together: %(off)s") % words


def _buy_get(effect: Effect, say: Speaker) -> str:
    buy, off = effect["buy"], off_words(effect["off"], say)
    if not effect.get("goods"):
        words = {"buy": buy, "get": effect.get("get", 1), "off": off}
        return _("buy %(buy)s, get %(get)s more: %(off)s") % words
    gets = _times(effect.get("get", 1), say.goods(effect["goods"]))
    words = {"buy": buy, "goods": gets, "off": off}
    if buy == 1:
        return _("with each of them %(goods)s: %(off)s") % words
    return _("with every %(buy)s of them %(goods)s: %(off)s") % words


# Awards


def _counted(effect: Effect, say: Speaker, said: str) -> str:
    match effect.get("per", "receipt"):
        case "item":
            return _("%(what)s for every item") % {"what": said}
        case "amount":
            words = {"what": said, "money": say.money(effect["per_minor"])}
            return _("%(what)s for every full %(money)s") % words
        case _:
            return said


def _gift(effect: Effect, say: Speaker) -> str:
    count, skus = effect.get("count", 1), say.choice(effect["skus"])
    if len(effect["skus"]) == 1:
        words = ngettext("a gift: %(skus)s", "%(count)s gifts: %(skus)s", count)
    else:
        words = ngettext("a gift to choose: %(skus)s", "%(count)s gifts to choose: %(skus)s", count)
    return _counted(effect, say, words % {"count": count, "skus": skus})


def _stamps(effect: Effect, say: Speaker) -> str:
    count = effect.get("count", 1)
    words = ngettext("%(count)s stamp of %(code)s", "%(count)s stamps of %(code)s", count)
    return _counted(effect, say, words % {"count": count, "code": effect["code"]})


def _coupon(effect: Effect, say: Speaker) -> str:
    count = effect.get("count", 1)
    words = ngettext("%(count)s coupon of %(code)s", "%(count)s coupons of %(code)s", count)
    said = _counted(effect, say, words % {"count": count, "code": effect["code"]})
    return _for_days(effect, _("%(what)s for a later visit") % {"what": said})


def _for_days(effect: Effect, said: str) -> str:
    if not (days := effect.get("valid_days")):
        return said
    valid = ngettext("valid for %(count)s day", "valid for %(count)s days", days)
    return f"{said}, {valid % {'count': days}}"


def _tickets(effect: Effect, say: Speaker) -> str:
    count = effect.get("count", 1)
    words = ngettext(
        "%(count)s ticket for the draw %(code)s", "%(count)s tickets for the draw %(code)s", count
    )
    return _counted(effect, say, words % {"count": count, "code": effect["code"]})


def _plays(effect: Effect, say: Speaker) -> str:
    count = effect.get("count", 1)
    words = ngettext(
        "%(count)s turn in the game %(code)s", "%(count)s turns in the game %(code)s", count
    )
    return _counted(effect, say, words % {"count": count, "code": effect["code"]})


def _tag(effect: Effect, say: Speaker) -> str:
    return _for_days(effect, _("the member gets the tag %(code)s") % {"code": effect["code"]})


def _charity(effect: Effect, say: Speaker) -> str:
    share = effect.get("basis_points")
    if share:
        words = {"percent": say.percent(share), "code": effect["code"]}
        return _("%(percent)s %% of the price goes to the charity %(code)s") % words
    words = {"money": say.money(effect["amount_minor"]), "code": effect["code"]}
    return _("%(money)s goes to the charity %(code)s") % words


def _message(effect: Effect, say: Speaker) -> str:
    texts = effect["text"]
    text = texts.get((get_language() or "")[:2]) or next(iter(texts.values()))
    if effect["to"] == "cashier":
        return _("tells the cashier: %(text)s") % {"text": text}
    return _("prints on the receipt: %(text)s") % {"text": text}


_RATES = {"earn_rate", "earn_items", "cashback"}

WORDS: dict[str, Callable[[Effect, Speaker], str]] = {
    "earn_rate": _earn_rate, "earn_items": _earn_items, "cashback": _cashback,
    "fixed_points": _fixed_points, "multiply_points": _multiply, "tiered_points": _tiered_points,
    "percent_off": _percent_off, "amount_off": _amount_off_all,
    "amount_off_each": _amount_off_each,
    "fixed_price": _fixed_price, "price_list": _price_list, "tiered_off": _tiered_off,
    "cumulative_off": _cumulative,
    "pieces_off": _pieces_off, "set_price": _set_price, "bundle_off": _bundle_off,
    "buy_get": _buy_get, "gift": _gift, "free_delivery": lambda _e, _s: _("free delivery"),
    "stamps": _stamps, "next_coupon": _coupon, "draw_tickets": _tickets, "game_plays": _plays,
    "tag": _tag, "charity": _charity, "message": _message,
}  # fmt: skip
