"""A basket and the rules that it woke: what stays the same however promotions are combined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

from rewards.rules.answers import Left
from rewards.rules.basket import Basket, BasketLine, Part
from rewards.rules.effects import Phase
from rewards.rules.groups import Group
from rewards.rules.pricing import Redeem
from rewards.rules.rule_set import Rule, RuleSet, Task
from rewards.rules.selectors import Selector

PHASES = tuple(Phase)
#: Positions of lines, and how narrowly each was named.
Ranks = Mapping[int, int]
_by_sku, _by_everything = attrgetter("sku"), attrgetter("sort_key")


class Scene:
    """Positions count lines in their own order, not the till's."""

    def __init__(
        self,
        basket: Basket,
        rules: RuleSet,
        redeem: Redeem,
        carries: Mapping[int, int],
        left: Mapping[int, Left],
    ) -> None:
        self.basket = basket
        self.terms = rules.terms
        self.redeem = redeem
        self.carries = carries
        self.left = left
        self.groups: Mapping[str, Group] = rules.groups
        self.lines: Sequence[BasketLine] = in_order(basket.lines)
        self.position = {line.line_no: n for n, line in enumerate(self.lines)}
        self.gross_minor = sum([line.gross_minor for line in self.lines])
        self.earns_not = {n for n, line in enumerate(self.lines) if line.excluded_from_earning}
        self._goods = rules.known(self.lines)
        self._tasks: dict[Phase, list[Task]] = {}
        #: Whether some promotion does not go together with every other.
        self.choosy = False
        #: Whether some promotion names goods besides those that it is about.
        self.names_goods = rules.names_goods
        for task in rules.tasks(basket, self._goods):
            self._tasks.setdefault(task.phase, []).append(task)
            self.choosy = self.choosy or task.is_choosy
        self._chosen: dict[int, list[int]] = {}

    def of(self, phase: Phase) -> Sequence[Task]:
        return self._tasks.get(phase, ())

    @property
    def is_idle(self) -> bool:
        """Whether no promotion has anything to do with the basket."""
        return not self._tasks

    def tasks(self) -> Iterator[Task]:
        """Every task in the order of work."""
        for phase in PHASES:
            yield from self.of(phase)

    def rules(self) -> list[Rule]:
        """Every woken rule once, in the order of work."""
        return list({task.rule.version_id: task.rule for task in self.tasks()}.values())

    def group_of(self, rule: Rule) -> Group | None:
        """The rule's group; a code that the programme does not know groups nothing."""
        code = rule.definition.stacking.group
        return self.groups.get(code) if code else None

    def positions(self, selector: Selector) -> list[int]:
        """The lines that a selector names."""
        found = self._chosen.get(id(selector))
        if found is None:
            found = [n for n, each in enumerate(self._goods) if selector.takes(each.names)]
            self._chosen[id(selector)] = found
        return found

    def named(self, everything: Sequence[Part], selector: Selector) -> list[Part]:
        """Of goods at their positions, those that a selector names."""
        return [everything[n] for n in self.positions(selector)]


def in_order(lines: Sequence[BasketLine]) -> list[BasketLine]:
    """Lines in the order of what they are. The whole key is built only if a product comes twice."""
    if len({line.sku for line in lines}) == len(lines):
        return sorted(lines, key=_by_sku)
    return sorted(lines, key=_by_everything)
