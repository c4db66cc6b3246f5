"""A basket and the rules that it woke: what stays the same however promotions are combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from rewards.rules.answers import Left
from rewards.rules.basket import Basket, BasketLine
from rewards.rules.effects import Phase
from rewards.rules.groups import Group
from rewards.rules.pricing import Redeem
from rewards.rules.rule_set import Rule, RuleSet, Task
from rewards.rules.selectors import Chooser, Selector, names_of


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
        self.lines: Sequence[BasketLine] = sorted(basket.lines, key=lambda line: line.sort_key)
        tasks = [
            Task(match.rule, match.ranks, number)
            for match in rules.matches(basket, self.lines)
            for number in range(len(match.rule.definition.effects))
        ]
        tasks.sort(key=lambda task: task.order)
        self.tasks = {
            phase: list(found) for phase, found in groupby(tasks, key=lambda task: task.phase)
        }
        self._names: list[frozenset[str]] | None = None
        self._chosen: dict[int, list[int]] = {}

    def of(self, phase: Phase) -> list[Task]:
        return self.tasks.get(phase, [])

    def rules(self) -> list[Rule]:
        """Every woken rule once, in the order of work."""
        return list(
            {
                task.rule.version_id: task.rule for tasks in self.tasks.values() for task in tasks
            }.values()
        )

    def group_of(self, rule: Rule) -> Group | None:
        """The rule's group; a code that the programme does not know groups nothing."""
        code = rule.definition.stacking.group
        return self.groups.get(code) if code else None

    def positions(self, selector: Selector) -> list[int]:
        """The lines that a selector names."""
        found = self._chosen.get(id(selector))
        if found is None:
            if self._names is None:
                self._names = names_of(self.lines)
            chooser = Chooser(selector)
            found = [n for n, names in enumerate(self._names) if chooser.takes(names)]
            self._chosen[id(selector)] = found
        return found
