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
Words = Callable[[], str]


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
            said = _(" or ").join(_inner(one, say) for one in parts)
            return _("either %(conditions)s") % {"conditions": said}
        case {"none": parts}:
            said = _(" nor ").join(_inner(one, say) for one in parts)
            return _("but not %(conditions)s") % {"conditions": said}
        case _:
            return WORDS[node["kind"]](node, say)


def _inner(node: Node, say: Speaker) -> str:
    """A group inside another one stands in brackets, or nobody knows where it ends."""
    said = condition_words(node, say)
    return f"({said})" if any(word in node for word in ("all", "any", "none")) else said


def _card(node: Node, say: Speaker) -> str:
    return _("with a card") if node["shown"] else _("without a card")


def _min_spend(node: Node, say: Speaker) -> str:
    return _("when bought for %(money)s or more") % {"money": say.money(node["amount_minor"])}


def _basket_total(node: Node, say: Speaker) -> str:
    return _("for a basket of %(money)s or more") % {"money": say.money(node["amount_minor"])}


def _min_quantity(node: Node, say: Speaker) -> str:
    count = node["quantity"]
    words = ngettext(
        "when buying %(count)s item or more", "when buying %(count)s items or more", count
    )
    return words % {"count": count}


def _basket_items(node: Node, say: Speaker) -> str:
    count = node["quantity"]
    words = ngettext(
        "with %(count)s item or more in the basket", "with %(count)s items or more in the basket",
        count,
    )  # fmt: skip
    return words % {"count": count}


def _distinct(node: Node, say: Speaker) -> str:
    count = node["count"]
    words = ngettext(
        "with %(count)s kind of goods or more in the basket",
        "with %(count)s kinds of goods or more in the basket", count,
    )  # fmt: skip
    return words % {"count": count}


def _bundle(node: Node, say: Speaker) -> str:
    return _("when buying %(items)s together") % {"items": items_words(node["items"], say)}


def _age(node: Node, say: Speaker) -> str:
    return _between(
        node.get("from_years"), node.get("to_years"),
        _("for members aged %(low)s or more"), _("for members aged %(high)s at most"),
        _("for members aged %(low)s to %(high)s"),
    )  # fmt: skip


def _birthday(node: Node, say: Speaker) -> str:
    before, after = node.get("days_before", 0), node.get("days_after", 0)
    words = {"before": _days(before), "after": _days(after)}
    if before and after:
        return _("from %(before)s before the birthday to %(after)s after it") % words
    if before:
        return _("on the birthday and %(before)s before it") % words
    if after:
        return _("on the birthday and %(after)s after it") % words
    return _("on the birthday")


def _days(count: int) -> str:
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": count}


def _enrolled(node: Node, say: Speaker) -> str:
    if node.get("max_days") == 0:
        return _("on the day of joining")
    return _of_days(
        node,
        _("for members of %(low)s or more"),
        _("for members of no more than %(high)s"),
        _("for members of %(low)s to %(high)s"),
    )


def _last_purchase(node: Node, say: Speaker) -> str:
    return _of_days(
        node,
        _("if the last purchase was %(low)s ago or earlier"),
        _("if the last purchase was no more than %(high)s ago"),
        _("if the last purchase was %(low)s to %(high)s ago"),
    )


def _of_days(node: Node, at_least: str, at_most: str, both: str) -> str:
    low, high = (None if node.get(end) is None else _days(node[end])
                 for end in ("min_days", "max_days"))  # fmt: skip
    return _between(low, high, at_least, at_most, both)


def _nth_purchase(node: Node, say: Speaker) -> str:
    if every := node.get("every"):
        return _("once every %(every)s purchases") % {"every": every}
    if node["numbers"] == [1]:
        return _("on the first purchase")
    return _("on purchase number %(numbers)s") % {"numbers": ", ".join(map(str, node["numbers"]))}


def _window(node: Node, say: Speaker) -> str:
    spend = node["metric"] == "spend"
    low, high = (_metric(node.get(end), say, spend=spend) for end in ("at_least", "at_most"))
    said = _between(
        low, high, _("%(low)s or more"), _("%(high)s at most"), _("%(low)s to %(high)s")
    )
    words = {"amount": said, "period": period_words(node)}
    if spend:
        return _("for members who spent %(amount)s %(period)s") % words
    return _("for members with %(amount)s visits %(period)s") % words


def _metric(number: int | None, say: Speaker, *, spend: bool) -> str | int | None:
    return say.money(number) if spend and number is not None else number


def _between(low: object, high: object, at_least: str, at_most: str, both: str) -> str:
    text = both if low is not None and high is not None else at_most if low is None else at_least
    return text % {"low": low, "high": high}


def _schedule(when: Node, say: Speaker) -> str:
    return " ".join(_schedule_parts(when))


def _schedule_parts(when: Node) -> Iterable[str]:
    if days := when.get("weekdays"):
        yield _("on %(days)s") % {"days": _weekdays(sorted(days))}
    if when.get("from_time"):
        yield _("from %(from)s to %(to)s") % {
            "from": when["from_time"][:5],
            "to": when["to_time"][:5],
        }
    if first := when.get("first_day"):
        yield _("from %(day)s") % {"day": _day(first)}
    if last := when.get("last_day"):
        yield _("until %(day)s") % {"day": _day(last)}


def _weekdays(days: list[int]) -> str:
    """Three days in a row and more are said by the first and the last of them."""
    names = [str(WEEKDAYS_ABBR[day - 1]) for day in days]
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{names[0]}\N{EN DASH}{names[-1]}"
    return ", ".join(names)


def _day(text: str) -> str:
    return date_format(date.fromisoformat(text), "SHORT_DATE_FORMAT")


def _codes(one: Words, more: Words, field: str = "codes") -> Callable[[Node, Speaker], str]:
    """Words about one code, and about several."""

    def said(node: Node, say: Speaker) -> str:
        codes = node[field]
        return (one() if len(codes) == 1 else more()) % {"codes": say.codes(codes)}

    return said


def _same(words: Words, field: str = "codes") -> Callable[[Node, Speaker], str]:
    return _codes(words, words, field)


def _first_of(node: Node, say: Speaker) -> str:
    return _("at the first purchase of %(codes)s") % {"codes": say.categories(node["codes"])}


WORDS: dict[str, Callable[[Node, Speaker], str]] = {
    "stores": _codes(lambda: _("in the store %(codes)s"), lambda: _("in the stores %(codes)s")),
    "store_groups": _codes(
        lambda: _("in stores of the group %(codes)s"),
        lambda: _("in stores of the groups %(codes)s"),
    ),
    "channels": _codes(
        lambda: _("over the channel %(codes)s"), lambda: _("over the channels %(codes)s")
    ),
    "coupon": _same(lambda: _("with a coupon of %(codes)s")),
    "tender": _same(lambda: _("paid with %(codes)s"), "kinds"),
    "tags": _codes(
        lambda: _("for members with the tag %(codes)s"),
        lambda: _("for members with one of the tags %(codes)s"),
    ),
    "segments": _codes(
        lambda: _("for members of the segment %(codes)s"),
        lambda: _("for members of the segments %(codes)s"),
    ),
    "tiers": _codes(
        lambda: _("for members of the tier %(codes)s"),
        lambda: _("for members of the tiers %(codes)s"),
    ),
    "first_of_category": _first_of,
    "card": _card, "min_spend": _min_spend, "basket_total": _basket_total,
    "min_quantity": _min_quantity, "basket_items": _basket_items, "basket_distinct": _distinct,
    "bundle": _bundle, "age": _age, "birthday": _birthday, "enrolled": _enrolled,
    "last_purchase": _last_purchase, "nth_purchase": _nth_purchase, "window": _window,
    "schedule": _schedule,
}  # fmt: skip
