"""What a sale without a card goes without."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rewards.rules.conditions import ConditionBase, Goods, Miss
from rewards.rules.conditions.people import WithCard
from rewards.rules.effects import Discount
from rewards.rules.rule_set import Task
from rewards.rules.when import miss_of


def with_card(
    task: Task,
    goods: Goods,
    ask: Callable[[ConditionBase], Miss | None],
    fit: Callable[[Task, Mapping[int, int]], Mapping[int, int]],
) -> Miss | None:
    """How much cheaper these goods were with a card; None when more than the card is missing.

    Only what follows from the card alone is promised: who the member would be is not known.
    """
    effect = task.effect
    if not isinstance(effect, Discount) or not goods.parts:
        return None

    def as_if_shown(condition: ConditionBase) -> Miss | None:
        return None if isinstance(condition, WithCard) and condition.shown else ask(condition)

    if miss_of(task.rule.definition.when, as_if_shown):
        return None
    lost = sum(fit(task, effect.offs(goods)).values())
    return Miss("with_card", {"lost": lost}, near=True) if lost else None
