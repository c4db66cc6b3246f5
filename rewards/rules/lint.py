"""What is odd about a promotion before it goes live: it works, but hardly as meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from rewards.rules.conditions import ConditionBase, OnSchedule
from rewards.rules.conditions.people import WithCard
from rewards.rules.conditions.places import InChannels, InStores
from rewards.rules.effects import Discount, Phase
from rewards.rules.groups import Group
from rewards.rules.rule_set import Rule
from rewards.rules.selectors import Selector
from rewards.rules.terms import Terms
from rewards.rules.when import All, required


class Oddity(msgspec.Struct, frozen=True):
    """A code, and the promotions or words that it is about."""

    code: str
    params: Mapping[str, str] = {}


def lint(
    rule: Rule, others: Iterable[Rule], groups: Mapping[str, Group], terms: Terms, now: datetime
) -> list[Oddity]:
    """Every warning about a rule beside the other live rules of the programme."""
    others = [other for other in others if other.promotion_id != rule.promotion_id]
    return [
        *_never(rule, now),
        *_below_cost(rule, terms),
        *_overlaps(rule, others),
        *_shadowed(rule, others, groups),
        *_unknown_group(rule, groups),
    ]


def _never(rule: Rule, now: datetime) -> Iterator[Oddity]:
    """It can not apply to any sale from now on."""
    conditions = list(required(rule.definition.when))
    days = [one.last_day for one in conditions if isinstance(one, OnSchedule) and one.last_day]
    if (rule.ends_at and rule.ends_at <= now) or any(day < now.date() for day in days):
        yield Oddity("window_past")
    if _contradict(conditions):
        yield Oddity("contradiction")


def _contradict(conditions: Sequence[ConditionBase]) -> bool:
    cards = {one.shown for one in conditions if isinstance(one, WithCard)}
    return len(cards) > 1 or _no_common_day(conditions) or _no_common_code(conditions)


def _no_common_day(conditions: Sequence[ConditionBase]) -> bool:
    schedules = [one for one in conditions if isinstance(one, OnSchedule)]
    weekdays = [set(one.weekdays) for one in schedules if one.weekdays]
    first = [one.first_day for one in schedules if one.first_day]
    last = [one.last_day for one in schedules if one.last_day]
    return bool(
        (weekdays and not set.intersection(*weekdays))
        or (first and last and max(first) > min(last))
    )


def _no_common_code(conditions: Sequence[ConditionBase]) -> bool:
    for kind in (InStores, InChannels):
        sets = [set(one.codes) for one in conditions if isinstance(one, kind)]
        if sets and not set.intersection(*sets):
            return True
    return False


def _below_cost(rule: Rule, terms: Terms) -> Iterator[Oddity]:
    caps = rule.definition.stacking.caps
    bounded = terms.bounds_lines or caps.above_cost or caps.floor_basis_points
    if not bounded and any(isinstance(one, Discount) for one in rule.definition.effects):
        yield Oddity("may_go_below_cost")


def _overlaps(rule: Rule, others: Iterable[Rule]) -> Iterator[Oddity]:
    """Discounts of one phase on the same goods, and nobody has said how they go together."""
    phases = _discount_phases(rule)
    for other in others:
        free = not (_is_settled(rule, other) or phases.isdisjoint(_discount_phases(other)))
        if free and _same_goods(rule.definition.goods, other.definition.goods):
            yield Oddity("overlap", {"with": other.code})


def _discount_phases(rule: Rule) -> set[Phase]:
    return {one.at() for one in rule.definition.effects if isinstance(one, Discount)}


def _is_settled(one: Rule, other: Rule) -> bool:
    mine, theirs = one.definition.stacking, other.definition.stacking
    named = other.code in mine.not_with or one.code in theirs.not_with
    return named or (mine.group is not None and mine.group == theirs.group)


def _same_goods(one: Selector, other: Selector) -> bool:
    """Whether they name something in common, or one of them everything."""
    mine, theirs = set(one.include.lookup_keys()), set(other.include.lookup_keys())
    return not mine or not theirs or not mine.isdisjoint(theirs)


def _shadowed(rule: Rule, others: Iterable[Rule], groups: Mapping[str, Group]) -> Iterator[Oddity]:
    """Another promotion of an exclusive group always comes first."""
    group = groups.get(rule.definition.stacking.group or "")
    if group is None or group.mode != "first":
        return
    for other in others:
        same = other.definition.stacking.group == group.code
        if same and _comes_before(other, rule) and _always(other, rule):
            yield Oddity("shadowed", {"by": other.code})


def _comes_before(one: Rule, other: Rule) -> bool:
    first = min(effect.at() for effect in one.definition.effects)
    return (first, one.order) < (
        min(effect.at() for effect in other.definition.effects), other.order,
    )  # fmt: skip


def _always(one: Rule, other: Rule) -> bool:
    """Whether the one applies wherever the other does: no conditions, and at least its goods."""
    definition, goods = one.definition, one.definition.goods
    if definition.coupon or definition.pilot or definition.limits or one.starts_at or one.ends_at:
        return False
    if definition.when != All() or set(goods.exclude.lookup_keys()):
        return False
    mine = set(goods.include.lookup_keys())
    theirs = set(other.definition.goods.include.lookup_keys())
    return not mine or bool(theirs and theirs <= mine)


def _unknown_group(rule: Rule, groups: Mapping[str, Group]) -> Iterator[Oddity]:
    code = rule.definition.stacking.group
    if code and code not in groups:
        yield Oddity("unknown_group", {"group": code})
