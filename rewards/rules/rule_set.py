"""The compiled rule set: rules indexed by what can wake them.

The price of a quote follows the rules that can match, not the rules that exist:
each line is looked up by its SKU, categories, brand, lists and attributes. Rules
about everything wait for what they cannot do without: a coupon, a tag, a store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
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

#: Products that a rule set remembers; when there are more, it begins anew.
MOST_KNOWN = 50_000
NOTHING: frozenset[str] = frozenset()


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


class Step(NamedTuple):
    """What is the same in every task of one effect of a rule."""

    rule: Rule
    number: int
    effect: Effect
    phase: Phase
    order: tuple[int, ...]
    #: Whether the promotion counts no uses of members, and goes together with every other.
    is_free: bool
    is_choosy: bool


class Task:
    """One effect of a matching rule. Which of the rule's effects is told by ``number``.

    ``ranks``: the lines it names, position in the basket → how narrowly.
    """

    __slots__ = (
        "effect", "is_choosy", "is_free", "number", "order", "phase", "ranks", "rule",
    )  # fmt: skip

    def __init__(self, step: Step, ranks: dict[int, int]) -> None:
        (
            self.rule, self.number, self.effect, self.phase, self.order,
            self.is_free, self.is_choosy,
        ) = step  # fmt: skip
        self.ranks = ranks


class Watched(NamedTuple):
    """A rule as the index keeps it. ``always``: neither dates nor a pilot bound it."""

    rule: Rule
    excluded: frozenset[str]
    gates: list[frozenset[str]]
    steps: list[Step]
    always: bool

    def lets(self, basket: Basket, around: frozenset[str]) -> bool:
        """Whether the sale, whatever its goods, may have this rule."""
        if self.gates and any(gate.isdisjoint(around) for gate in self.gates):
            return False
        return self.always or (self.rule.live_at(basket.at) and self.rule.is_for(basket))


class Known(msgspec.Struct, frozen=True, gc=False):
    """A product as the index sees it: its keys, rules that name it (how narrowly), rules it wakes.

    A rule that names it and excludes it again has the rank None. There are tens of
    thousands of these, so they are nothing that the garbage collector would look through.
    """

    names: frozenset[str]
    named: tuple[tuple[int, int | None], ...]
    wakes: tuple[int, ...]


class RuleSet:
    """Rules of one programme under its terms. Built once a process; only its memory changes.

    Threads may share it: what it remembers of products can be found again at any time.
    """

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
        self._watched: list[Watched] = []
        self._known: dict[tuple[object, ...], Known] = {}
        #: The last product of each SKU: nearly always the one that is asked about again.
        self._latest: dict[str, tuple[BasketLine, Known]] = {}
        for ordinal, rule in enumerate(self.rules):
            self._index(ordinal, rule)
        #: Whether what is around the goods (store, coupons, tags) wakes or bars any rule.
        self._looks_around = bool(self._waiting) or any(each.gates for each in self._watched)
        #: Whether some rule names goods besides those that it is about.
        self.names_goods = any(any(rule.definition.selectors()) for rule in self.rules)
        self._asks_names = self.names_goods or any(each.excluded for each in self._watched)
        self.carries = any(_carries(rule, terms) for rule in self.rules)
        self.needs = joined(rule.definition.needs() for rule in self.rules)
        #: The wordings of promotions whose limits are counted, by promotion.
        self.limited: dict[int, list[Rule]] = {}
        for rule in self.rules:
            if rule.definition.counted:
                self.limited.setdefault(rule.promotion_id, []).append(rule)

    def _index(self, ordinal: int, rule: Rule) -> None:
        goods = rule.definition.goods
        gates = list(_gates(rule))
        always = not (rule.starts_at or rule.ends_at or rule.definition.pilot)
        self._watched.append(Watched(rule, goods.excluded, gates, list(_steps(rule)), always))
        if goods.included:
            for key in goods.included:
                self._by_key[key].append(ordinal)
        elif waits_for := _waits_for(rule, gates):
            for key in waits_for:
                self._waiting[key].append(ordinal)
        else:
            self._anywhere.append(ordinal)

    def known(self, lines: Iterable[BasketLine]) -> list[Known]:
        """What the rules make of each line's product, remembered for the next sale of it."""
        latest, found = self._latest, []
        for line in lines:
            last = latest.get(line.sku)
            if (
                last is not None
                and last[0].categories == line.categories
                and last[0].brand == line.brand
                and last[0].lists == line.lists
                and last[0].attributes == line.attributes
            ):
                found.append(last[1])
            else:
                found.append(self._remembered(line))
        return found

    def _remembered(self, line: BasketLine) -> Known:
        """The same of a product that was another one, or none, the last time."""
        key = (line.sku, line.categories, line.brand, line.lists, *line.attributes.items())
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
                self._latest.clear()
            known = self._known[key] = self._look_up(line)
        self._latest[line.sku] = line, known
        return known

    def _look_up(self, line: BasketLine) -> Known:
        ranks: dict[int, int] = {}
        keys = dict(keys_of(line))
        for key, rank in keys.items():
            for ordinal in self._by_key.get(key, ()):
                ranks[ordinal] = max(rank, ranks.get(ordinal, EVERYTHING))
        names = frozenset(keys) if self._asks_names else NOTHING
        named = [
            (ordinal, rank if self._watched[ordinal].excluded.isdisjoint(names) else None)
            for ordinal, rank in ranks.items()
        ]
        wakes = [o for key in keys for o in self._waiting.get(key, ())] if self._waiting else ()
        return Known(names, tuple(named), tuple(wakes))

    def tasks(self, basket: Basket, goods: Sequence[Known]) -> list[Task]:
        """Every effect of the rules that name one of the goods and are live.

        In the order of work, phases apart.
        """
        around = frozenset(keys_of_sale(basket)) if self._looks_around else NOTHING
        found = self._named(goods)
        if awake := self._awake(around, goods):
            everything = dict.fromkeys(range(len(goods)), EVERYTHING)
            for ordinal in awake:
                found[ordinal] = self._all(ordinal, goods, everything)
        return [
            Task(step, found[ordinal])
            for ordinal in sorted(found)
            if self._watched[ordinal].lets(basket, around)
            for step in self._watched[ordinal].steps
        ]

    def _named(self, goods: Sequence[Known]) -> dict[int, dict[int, int]]:
        """Rules that name goods, and which: position → how narrowly."""
        found: dict[int, dict[int, int]] = {}
        for position, product in enumerate(goods):
            for ordinal, rank in product.named:
                ranks = found.setdefault(ordinal, {})
                if rank is not None:
                    ranks[position] = rank
        return found

    def _awake(self, around: frozenset[str], goods: Sequence[Known]) -> Collection[int]:
        """Rules about everything that this sale wakes."""
        if not self._waiting:
            return self._anywhere
        awake = set(self._anywhere)
        for key in around:
            awake.update(self._waiting.get(key, ()))
        for product in goods:
            awake.update(product.wakes)
        return awake

    def _all(
        self, ordinal: int, goods: Sequence[Known], everything: dict[int, int]
    ) -> dict[int, int]:
        """All goods but those that a rule about everything leaves out."""
        if not (out := self._watched[ordinal].excluded):
            return everything
        return {n: EVERYTHING for n, each in enumerate(goods) if out.isdisjoint(each.names)}


def _steps(rule: Rule) -> Iterator[Step]:
    for number, effect in enumerate(rule.definition.bounded):
        phase = effect.at()
        choosy = not rule.definition.goes_with_all
        free = not (choosy or rule.definition.counts_members)
        yield Step(rule, number, effect, phase, (phase, *rule.order, number), free, choosy)


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
