"""What is given besides discounts and points: each effect says how much, others fulfil it."""

from __future__ import annotations

from rewards.rules.answers import GivenAward
from rewards.rules.conditions import Goods, Miss
from rewards.rules.effects import Award, AwardEffect, Phase
from rewards.rules.pinning import pin
from rewards.rules.rule_set import Task
from rewards.rules.run import Run


def give_awards(run: Run) -> None:
    for task in run.scene.of(Phase.AWARD):
        if run.admits(task) and _may_have(run, task):
            _give(run, task)


def _may_have(run: Run, task: Task) -> bool:
    missed = run.miss(task.rule, run.priced(task))
    assert isinstance(task.effect, AwardEffect)
    if task.effect.for_members and run.basket.member is None and missed is None:
        missed = Miss("no_member")
    if missed is None and task.effect.at_till and _is_printed(run):
        missed = Miss("printed")
    if missed:
        run.refuse(task, missed)
    return missed is None


def _is_printed(run: Run) -> bool:
    """Too late to hand anything over, unless the till says that it did."""
    return run.basket.final_prices and not run.basket.gifts


def _give(run: Run, task: Task) -> None:
    effect, goods = task.effect, run.priced(task)
    assert isinstance(effect, AwardEffect)
    amount = effect.amount(goods)
    award = effect.award(run.basket, amount) if amount else None
    if award is None:
        run.refuse(task, Miss("out_of_stock" if amount else "too_little"))
        return
    rule = task.rule
    run.use(rule)
    run.awards.append(
        GivenAward(
            promotion=rule.code,
            promotion_id=rule.promotion_id,
            version_id=rule.version_id,
            effect=task.number,
            award=award,
        )
    )
    if run.explains:
        _explain(run, task, goods, award, amount)


def _explain(run: Run, task: Task, goods: Goods, award: Award, amount: int) -> None:
    run.pins.append(pin(run, task, goods, amount))
    decision = run.decide(task, "applied", "award", {"what": award.kind, "count": award.amount})
    decision.lines = sorted(part.line.line_no for part in goods.parts)
