"""What a receipt keeps of an effect, so that a return can ask it again of the goods kept."""

from __future__ import annotations

from rewards.rules.answers import Pin
from rewards.rules.conditions import Goods
from rewards.rules.rule_set import Task
from rewards.rules.run import Run
from rewards.rules.selectors import Selector


def pin(run: Run, task: Task, goods: Goods, granted: int, carry_in: int = 0) -> Pin:
    definition = task.rule.definition
    bases = {part.line.line_no: part.amount_minor for part in goods.parts}
    others: dict[int, int] = {}
    named: list[list[int]] = []
    if definition.counts_whole_basket:
        others = {
            part.line.line_no: part.amount_minor
            for part in goods.everything
            if part.line.line_no not in bases
        }
        named = [_line_numbers(goods, selector) for selector in definition.selectors()]
    return Pin(
        version_id=task.rule.version_id,
        effect=task.number,
        granted=granted,
        carry_in=carry_in,
        bases=bases,
        held=_held(run, task, goods),
        others=others,
        named=named,
        shelf=_shelf(task, goods),
    )


def _line_numbers(goods: Goods, selector: Selector) -> list[int]:
    return [part.line.line_no for part in goods.chosen(selector)]


def _held(run: Run, task: Task, goods: Goods) -> int:
    """A bit for each condition of the tree that holds."""
    if not (conditions := task.rule.definition.conditions()):
        return 0
    ask = run.ask(run.counted(task.rule, goods))
    return sum(1 << n for n, one in enumerate(conditions) if ask(one) is None)


def _shelf(task: Task, goods: Goods) -> dict[int, int]:
    if task.rule.definition.thresholds == "after_earlier":
        return {}
    return {part.line.line_no: part.line.gross_minor for part in goods.everything}
