"""A definition as a plain sentence: what a marketer reads instead of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rewards.admin.condition_words import tree_words
from rewards.admin.effect_words import effect_words, names_its_goods
from rewards.admin.speaking import Names, Speaker
from rewards.models import Programme

__all__ = ["Names", "sentence"]


def sentence(definition: Mapping[str, Any], programme: Programme, names: Names) -> str:
    """On which goods, what, under which conditions, and how far it goes."""
    say = Speaker(programme, names)
    what = _(" and ").join(effect_words(one, say) for one in definition["effects"])
    parts = [_on_goods(definition, what, say)]
    parts += tree_words(definition.get("when", {}), say)
    said = ", ".join([*parts, *_bounds(definition, say)])
    # Names of goods stay as their makers write them.
    return said if definition.get("goods", {}).get("include") else str(capfirst(said))


def _on_goods(definition: Mapping[str, Any], what: str, say: Speaker) -> str:
    """All goods are named only where the effect would not be understood without them."""
    goods = definition.get("goods", {})
    named = any(goods.get(side) for side in ("include", "exclude"))
    if not named and all(names_its_goods(one) for one in definition["effects"]):
        return what
    return _("%(goods)s: %(what)s") % {"goods": say.goods(goods), "what": what}


def _bounds(definition: Mapping[str, Any], say: Speaker) -> Iterator[str]:
    if definition.get("coupon"):
        yield _("with a coupon")
    yield from _caps(definition.get("stacking", {}).get("caps", {}), say)
    for limit in definition.get("limits", []):
        yield _limit(limit, say)
    if definition.get("pilot"):
        yield _("as a pilot")


def _caps(caps: Mapping[str, Any], say: Speaker) -> Iterator[str]:
    if money := caps.get("line_minor"):
        yield _("at most %(money)s off a line") % {"money": say.money(money)}
    if share := caps.get("line_basis_points"):
        yield _("at most %(percent)s %% off a line") % {"percent": say.percent(share)}
    if money := caps.get("receipt_minor"):
        yield _("at most %(money)s off a receipt") % {"money": say.money(money)}
    if points := caps.get("receipt_points"):
        yield _("at most %(points)s a receipt") % {"points": say.points(points)}
    if caps.get("above_cost"):
        yield _("never below cost")
    if floor := caps.get("floor_basis_points"):
        yield _("never below %(percent)s %% of the price") % {"percent": say.percent(floor)}


def _limit(limit: Mapping[str, Any], say: Speaker) -> str:
    match limit["what"]:
        case "uses":
            count = limit["max"]
            most = ngettext("at most %(count)s time", "at most %(count)s times", count)
            most %= {"count": count}
        case "points":
            most = _("at most %(amount)s") % {"amount": say.points(limit["max"])}
        case _:
            most = _("at most %(amount)s") % {"amount": say.money(limit["max"])}
    return f"{most} {_whose(limit)}"


def _whose(limit: Mapping[str, Any]) -> str:
    counted = {
        "receipt": _("a receipt"), "member": _("a member"),
        "member_day": _("a member and day"), "day": _("a day"), "store": _("a store"),
        "total": _("in all"), "week": _("a week"), "month": _("a month"),
        "quarter": _("a quarter"), "year": _("a year"),
    }  # fmt: skip
    return counted[limit.get("period") or limit["per"]]
