"""Each condition as a few plain words. A test holds this list to the registry of conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rewards.admin.effect_words import items_words, period_words
from rewards.admin.speaking import Speaker

Node = Mapping[str, Any]


def tree_words(tree: Node, say: Speaker) -> list[str]:
    """The conditions of a tree, to be joined by commas: all of them have to hold."""
    if "all" in tree:
        return [condition_words(one, say) for one in tree["all"]]
    return [condition_words(tree, say)] if tree else []


def condition_words(node: Node, say: Speaker) -> str:
    match node:
        case {"all": parts}:
            return _(" and ").join(condition_words(one, say) for one in parts)
        case {"any": parts}:
            said = _(" or ").join(condition_words(one, say) for one in parts)
            return _("either %(conditions)s") % {"conditions": said}
        case {"none": parts}:
            said = _(" and not ").join(condition_words(one, say) for one in parts)
            return _("not %(conditions)s") % {"conditions": said}
        case _:
            return WORDS[node["kind"]](node, say)


def _pieces(count: int) -> str:
    return ngettext("%(count)s item", "%(count)s items", count) % {"count": count}


def _card(node: Node, say: Speaker) -> str:
    return _("with a card") if node["shown"] else _("without a card")


def _min_spend(node: Node, say: Speaker) -> str:
    return _("from an amount of %(money)s") % {"money": say.money(node["amount_minor"])}


def _basket_total(node: Node, say: Speaker) -> str:
    return _("from a basket of %(money)s") % {"money": say.money(node["amount_minor"])}


def _min_quantity(node: Node, say: Speaker) -> str:
    return _("from %(items)s") % {"items": _pieces(node["quantity"])}


def _basket_items(node: Node, say: Speaker) -> str:
    return _("from %(items)s in the basket") % {"items": _pieces(node["quantity"])}


def _distinct(node: Node, say: Speaker) -> str:
    return _("from %(count)s different products") % {"count": node["count"]}


def _bundle(node: Node, say: Speaker) -> str:
    return _("with %(items)s together") % {"items": items_words(node["items"], say)}


def _age(node: Node, say: Speaker) -> str:
    return _between(
        node.get("from_years"), node.get("to_years"),
        _("aged %(low)s or more"), _("aged %(high)s at most"), _("aged %(low)s to %(high)s"),
    )  # fmt: skip


def _birthday(node: Node, say: Speaker) -> str:
    before, after = node.get("days_before", 0), node.get("days_after", 0)
    if not (before or after):
        return _("on the birthday")
    words = {"before": before, "after": after}
    return _("from %(before)s days before the birthday to %(after)s days after it") % words


def _enrolled(node: Node, say: Speaker) -> str:
    return _between(
        node.get("min_days"), node.get("max_days"),
        _("a member for %(low)s days or more"), _("a member for %(high)s days at most"),
        _("a member for %(low)s to %(high)s days"),
    )  # fmt: skip


def _last_purchase(node: Node, say: Speaker) -> str:
    return _between(
        node.get("min_days"), node.get("max_days"),
        _("last purchase %(low)s days ago or more"), _("last purchase %(high)s days ago at most"),
        _("last purchase %(low)s to %(high)s days ago"),
    )  # fmt: skip


def _nth_purchase(node: Node, say: Speaker) -> str:
    if every := node.get("every"):
        return _("every purchase number %(every)s") % {"every": every}
    return _("purchase number %(numbers)s") % {"numbers": ", ".join(map(str, node["numbers"]))}


def _window(node: Node, say: Speaker) -> str:
    spend = node["metric"] == "spend"
    low, high = (_metric(node.get(end), say, spend=spend) for end in ("at_least", "at_most"))
    if spend:
        at_least, at_most, both = (
            _("spent %(low)s or more"), _("spent %(high)s at most"), _("spent %(low)s to %(high)s"),
        )  # fmt: skip
    else:
        at_least, at_most, both = (
            _("%(low)s visits or more"), _("%(high)s visits at most"),
            _("%(low)s to %(high)s visits"),
        )  # fmt: skip
    return f"{_between(low, high, at_least, at_most, both)} {period_words(node)}"


def _metric(number: int | None, say: Speaker, *, spend: bool) -> str | int | None:
    return say.money(number) if spend and number is not None else number


def _between(low: object, high: object, at_least: str, at_most: str, both: str) -> str:
    text = both if low is not None and high is not None else at_most if low is None else at_least
    return text % {"low": low, "high": high}


def _schedule(when: Node, say: Speaker) -> str:
    return ", ".join(_schedule_parts(when))


def _schedule_parts(when: Node) -> Iterable[str]:
    if days := when.get("weekdays"):
        yield ", ".join(str(WEEKDAYS_ABBR[day - 1]) for day in days)
    if when.get("from_time"):
        yield _("from %(from)s to %(to)s") % {
            "from": when["from_time"][:5],
            "to": when["to_time"][:5],
        }
    if first := when.get("first_day"):
        yield _("from %(day)s") % {"day": _day(first)}
    if last := when.get("last_day"):
        yield _("until %(day)s") % {"day": _day(last)}


def _day(text: str) -> str:
    return date_format(date.fromisoformat(text), "SHORT_DATE_FORMAT")


def _codes(text: Callable[[], str], field: str = "codes") -> Callable[[Node, Speaker], str]:
    return lambda node, say: text() % {"codes": say.codes(node[field])}


WORDS: dict[str, Callable[[Node, Speaker], str]] = {
    "stores": _codes(lambda: _("in stores %(codes)s")),
    "store_groups": _codes(lambda: _("in stores of the groups %(codes)s")),
    "channels": _codes(lambda: _("in channels %(codes)s")),
    "coupon": _codes(lambda: _("with a coupon of %(codes)s")),
    "tender": _codes(lambda: _("paid with %(codes)s"), "kinds"),
    "tags": _codes(lambda: _("for members tagged %(codes)s")),
    "segments": _codes(lambda: _("for members of the segments %(codes)s")),
    "tiers": _codes(lambda: _("for members of the tiers %(codes)s")),
    "first_of_category": _codes(lambda: _("at the first purchase of %(codes)s")),
    "card": _card, "min_spend": _min_spend, "basket_total": _basket_total,
    "min_quantity": _min_quantity, "basket_items": _basket_items, "basket_distinct": _distinct,
    "bundle": _bundle, "age": _age, "birthday": _birthday, "enrolled": _enrolled,
    "last_purchase": _last_purchase, "nth_purchase": _nth_purchase, "window": _window,
    "schedule": _schedule,
}  # fmt: skip
