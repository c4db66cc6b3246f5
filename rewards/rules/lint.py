"""What is odd about a promotion before it goes live: it works, but hardly as meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from rewards.rules.conditions import ConditionBase, OnSchedule
from rewards.rules.conditions.people import WithCard
from rewards.rules.conditions.places import InChannels, InStores
from rewards.rules.effects import Discount, Phase
from rewards.rules.groups import Group
from rewards.rules.rule_set import Rule
from rewards.rules.terms import Terms
from rewards.rules.when import All, required

#: Of one version so many others are named that it meets, or that come before it.
MOST_NAMED = 20


class Oddity(msgspec.Struct, frozen=True):
    """A code, and the promotions or words that it is about."""

    code: str
    params: Mapping[str, str] = {}


class Beside:
    """Other rules, found by what they have in common with one. Made once for many questions.

    The price of a warning follows the rules that meet, not the rules that exist.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        #: Discounts by phase: those that name goods by each key, and those about everything.
        self._naming: dict[tuple[Phase, str], list[Rule]] = defaultdict(list)
        self._wide: dict[Phase, dict[str | None, list[Rule]]] = defaultdict(dict)
        self._narrow: dict[Phase, dict[str | None, list[Rule]]] = defaultdict(dict)
        self._always: dict[str, list[Rule]] = defaultdict(list)
        for rule in sorted(rules, key=lambda one: one.order):
            self._add(rule)

    def _add(self, rule: Rule) -> None:
        definition = rule.definition
        keys, group = definition.goods.included, definition.stacking.group
        for phase in _discount_phases(rule):
            where = self._narrow if keys else self._wide
            where[phase].setdefault(group, []).append(rule)
            for key in keys:
                self._naming[phase, key].append(rule)
        if group is not None and _is_unconditional(rule):
            self._always[group].append(rule)

    def meeting(self, rule: Rule) -> Iterator[Rule]:
        """Discounts of the rule's phases on its goods, but those of its own group."""
        group = rule.definition.stacking.group
        for phase in sorted(_discount_phases(rule)):
            yield from _apart(self._wide[phase], group)
            if not (keys := rule.definition.goods.included):
                yield from _apart(self._narrow[phase], group)
            for key in sorted(keys):
                for other in self._naming.get((phase, key), ()):
                    if group is None or other.definition.stacking.group != group:
                        yield other

    def always(self, group: str) -> Sequence[Rule]:
        """Rules of a group that apply to every sale of their goods."""
        return self._always.get(group, ())


def _apart(by_group: Mapping[str | None, Sequence[Rule]], group: str | None) -> Iterator[Rule]:
    for other, rules in by_group.items():
        if other is None or other != group:
            yield from rules


def lint(
    rule: Rule,
    others: Iterable[Rule] | Beside,
    groups: Mapping[str, Group],
    terms: Terms,
    now: datetime,
) -> list[Oddity]:
    """Every warning about a rule beside the other live rules of the programme.

    Of one kind the first ``MOST_NAMED``: more say nothing new. Whoever asks about many
    rules hands the others over as one ``Beside``.
    """
    beside = others if isinstance(others, Beside) else Beside(others)
    return [
        *_never(rule, now),
        *_below_cost(rule, terms),
        *islice(_overlaps(rule, beside), MOST_NAMED),
        *islice(_shadowed(rule, beside, groups), MOST_NAMED),
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


def _overlaps(rule: Rule, beside: Beside) -> Iterator[Oddity]:
    """Discounts of one phase on the same goods, and nobody has said how they go together."""
    told: set[int] = {rule.promotion_id}
    for other in beside.meeting(rule):
        if other.promotion_id not in told and not _excludes(rule, other):
            told.add(other.promotion_id)
            yield Oddity("overlap", {"with": other.code})


def _discount_phases(rule: Rule) -> set[Phase]:
    return {one.at() for one in rule.definition.effects if isinstance(one, Discount)}


def _excludes(one: Rule, other: Rule) -> bool:
    mine, theirs = one.definition.stacking, other.definition.stacking
    return other.code in mine.not_with or one.code in theirs.not_with


def _shadowed(rule: Rule, beside: Beside, groups: Mapping[str, Group]) -> Iterator[Oddity]:
    """Another promotion of an exclusive group always comes first."""
    group = groups.get(rule.definition.stacking.group or "")
    if group is None or group.mode != "first":
        return
    for other in beside.always(group.code):
        mine = other.promotion_id == rule.promotion_id
        if not mine and _comes_before(other, rule) and _has_at_least_its_goods(other, rule):
            yield Oddity("shadowed", {"by": other.code})


def _comes_before(one: Rule, other: Rule) -> bool:
    first = min(effect.at() for effect in one.definition.effects)
    return (first, one.order) < (
        min(effect.at() for effect in other.definition.effects), other.order,
    )  # fmt: skip


def _is_unconditional(rule: Rule) -> bool:
    """Whether it applies to every sale of its goods: no conditions, no bounds."""
    definition = rule.definition
    if definition.coupon or definition.pilot or definition.limits or rule.starts_at or rule.ends_at:
        return False
    return definition.when == All() and not definition.goods.excluded


def _has_at_least_its_goods(one: Rule, other: Rule) -> bool:
    mine, theirs = one.definition.goods.included, other.definition.goods.included
    return not mine or bool(theirs and theirs <= mine)


def _unknown_group(rule: Rule, groups: Mapping[str, Group]) -> Iterator[Oddity]:
    code = rule.definition.stacking.group
    if code and code not in groups:
        yield Oddity("unknown_group", {"group": code})
