"""A definition as a plain sentence: what a marketer reads instead of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from rewards.admin.condition_words import tree_words
from rewards.admin.effect_words import effect_words
from rewards.admin.speaking import Names, Speaker
from rewards.models import Programme

__all__ = ["Names", "sentence"]


def sentence(definition: Mapping[str, Any], programme: Programme, names: Names) -> str:
    """What, on which goods, under which conditions, and how far it goes."""
    say = Speaker(programme, names)
    what = ", ".join(effect_words(one, say) for one in definition["effects"])
    goods = say.goods(definition.get("goods", {}))
    parts = [_("%(what)s on %(goods)s") % {"what": what, "goods": goods}]
    parts += tree_words(definition.get("when", {}), say)
    return ", ".join([*parts, *_bounds(definition, say)])


def _bounds(definition: Mapping[str, Any], say: Speaker) -> Iterator[str]:
    if definition.get("coupon"):
        yield _("with a coupon")
    caps = definition.get("stacking", {}).get("caps", {})
    if money := caps.get("receipt_minor"):
        yield _("at most %(money)s off a receipt") % {"money": say.money(money)}
    if points := caps.get("receipt_points"):
        yield _("at most %(points)s a receipt") % {"points": say.points(points)}
    if caps.get("above_cost"):
        yield _("never below cost")
    if definition.get("pilot"):
        yield _("as a pilot")
