"""The compiled rule set: rules indexed by what can wake them.

The price of a quote follows the rules that can match, not the rules that exist:
each line is looked up by its SKU, categories, brand, lists and attributes. Rules
about everything wait for what they cannot do without: a coupon, a tag, a store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from rewards.rules.basket import Basket, BasketLine
from rewards.rules.conditions import BuysTogether
from rewards.rules.definitions import Definition
from rewards.rules.effects import Effect, Phase, PointsEffect
from rewards.rules.groups import Group
from rewards.rules.needs import joined
from rewards.rules.selectors import EVERYTHING, keys_of
from rewards.rules.terms import Terms
from rewards.rules.when import required

#: Of a rule that needs one of these, nobody else hears: the first known kind wakes it.
WAKING = ("coupon", "tag", "segment", "store", "store_group")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a promotion, ready to be asked."""

    version_id: int
    promotion_id: int
    code: str
    name: str
    number: int
    priority: int
    definition: Definition
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.priority, self.promotion_id, self.version_id)

    def live_at(self, moment: datetime) -> bool:
        """From the first moment to the last, the last one not included."""
        return (self.starts_at is None or self.starts_at <= moment) and (
            self.ends_at is None or moment < self.ends_at
        )

    def is_for(self, basket: Basket) -> bool:
        """Whether a pilot lets this sale in."""
        pilot = self.definition.pilot
        if pilot is None or basket.store in pilot.stores:
            return True
        member = basket.member
        return member is not None and (
            member.id in pilot.members or not member.tags.isdisjoint(pilot.tags)
        )


class Match(NamedTuple):
    """A rule and the lines it names: position in the basket → how narrowly."""

    rule: Rule
    ranks: dict[int, int]


class Task:
    """One effect of a matching rule. Which of the rule's effects is told by ``number``."""

    __slots__ = ("effect", "number", "order", "phase", "ranks", "rule")

    def __init__(self, rule: Rule, ranks: dict[int, int], number: int) -> None:
        self.rule = rule
        self.ranks = ranks
        self.number = number
        self.effect: Effect = rule.definition.bounded[number]
        self.phase: Phase = self.effect.at()
        self.order = (self.phase, *rule.order, number)


class RuleSet:
    """Rules of one programme under its terms. Built once a process, never changed."""

    def __init__(
        self, rules: Iterable[Rule], terms: Terms, version: int = 0, groups: Iterable[Group] = ()
    ) -> None:
        self.rules: Sequence[Rule] = sorted(rules, key=lambda rule: rule.order)
        self.terms = terms
        self.version = version
        self.groups = {group.code: group for group in groups}
        self._by_key: dict[str, list[int]] = defaultdict(list)
        self._waiting: dict[str, list[int]] = defaultdict(list)
        self._anywhere: list[int] = []
        self._excluded: list[frozenset[str]] = []
        self._gates: list[list[frozenset[str]]] = []
        for ordinal, rule in enumerate(self.rules):
            self._index(ordinal, rule)
        self.carries = any(_carries(rule, terms) for rule in self.rules)
        self.needs = joined(rule.definition.needs() for rule in self.rules)

    def _index(self, ordinal: int, rule: Rule) -> None:
        goods = rule.definition.goods
        gates = list(_gates(rule))
        self._excluded.append(frozenset(goods.exclude.lookup_keys()))
        self._gates.append(gates)
        if named := list(goods.include.lookup_keys()):
            for key in named:
                self._by_key[key].append(ordinal)
        elif waits_for := _waits_for(rule, gates):
            for key in waits_for:
                self._waiting[key].append(ordinal)
        else:
            self._anywhere.append(ordinal)

    def matches(self, basket: Basket, lines: Sequence[BasketLine]) -> list[Match]:
        """Every rule that names one of the lines and is live, in the order of work."""
        found: dict[int, dict[int, int]] = {}
        keys = [list(keys_of(line)) for line in lines]
        around = frozenset(keys_of_sale(basket))
        for ordinal in self._awake(around, keys):
            found[ordinal] = dict.fromkeys(range(len(lines)), EVERYTHING)
        for position, line_keys in enumerate(keys):
            for key, rank in line_keys:
                for ordinal in self._by_key.get(key, ()):
                    ranks = found.setdefault(ordinal, {})
                    ranks[position] = max(rank, ranks.get(position, EVERYTHING))
        return [
            Match(self.rules[ordinal], self._less_excluded(ordinal, found[ordinal], keys))
            for ordinal in sorted(found)
            if self._may(ordinal, basket, around)
        ]

    def _awake(self, around: frozenset[str], keys: list[list[tuple[str, int]]]) -> set[int]:
        """Rules about everything that this sale wakes."""
        awake = set(self._anywhere)
        if self._waiting:
            named = {key for line_keys in keys for key, _ in line_keys}
            for key in around | named:
                awake.update(self._waiting.get(key, ()))
        return awake

    def _may(self, ordinal: int, basket: Basket, around: frozenset[str]) -> bool:
        rule = self.rules[ordinal]
        gates = self._gates[ordinal]
        if gates and any(gate.isdisjoint(around) for gate in gates):
            return False
        return rule.live_at(basket.at) and rule.is_for(basket)

    def _less_excluded(
        self, ordinal: int, ranks: dict[int, int], keys: list[list[tuple[str, int]]]
    ) -> dict[int, int]:
        if not (out := self._excluded[ordinal]):
            return ranks
        return {
            position: rank
            for position, rank in ranks.items()
            if not any(key in out for key, _ in keys[position])
        }


def keys_of_sale(basket: Basket) -> Iterator[str]:
    """What may wake a rule, besides the goods."""
    yield f"store:{basket.store}"
    yield from (f"store_group:{code}" for code in basket.store_groups)
    yield from (f"coupon:{code}" for code in basket.coupons)
    if basket.member:
        yield from (f"tag:{code}" for code in basket.member.tags)
        yield from (f"segment:{code}" for code in basket.member.segments)


def _gates(rule: Rule) -> Iterator[frozenset[str]]:
    """Of each set the sale must have one key, or the rule does not concern it."""
    if rule.definition.coupon:
        yield frozenset({f"coupon:{rule.code}"})
    for condition in required(rule.definition.when):
        keys = condition.triggers()
        if keys and keys[0].partition(":")[0] in WAKING:
            yield frozenset(keys)


def _waits_for(rule: Rule, gates: list[frozenset[str]]) -> list[str]:
    """The keys of which one wakes a rule about everything; none: every sale does."""
    for kind in WAKING:
        for gate in gates:
            if next(iter(gate)).startswith(f"{kind}:"):
                return sorted(gate)
    return _bundled(rule)


def _bundled(rule: Rule) -> list[str]:
    """The goods of a bundle's first place, when the rule needs them."""
    bundles = [c for c in required(rule.definition.when) if isinstance(c, BuysTogether)]
    if bundles:
        return list(bundles[0].items[0].goods.include.lookup_keys())
    first, *more = rule.definition.effects
    return [] if more else list(first.waits_for())


def _carries(rule: Rule, terms: Terms) -> bool:
    effects = rule.definition.effects
    return any(isinstance(one, PointsEffect) and one.carries(terms) for one in effects)
