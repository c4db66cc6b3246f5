"""Points: the narrowest base rule on each line, then multipliers, then bonuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules.answers import LineGrant
from rewards.rules.basket import Part
from rewards.rules.conditions import Goods, Miss
from rewards.rules.earning import Granted
from rewards.rules.effects import (
    BASE_UNIT,
    EarningBase,
    Phase,
    PointsEffect,
    base_units,
    in_base_units,
)
from rewards.rules.pinning import pin
from rewards.rules.rule_set import Task
from rewards.rules.run import Run


def earn(run: Run) -> None:
    _earn_base(run)
    for phase in (Phase.MULTIPLIER, Phase.BONUS):
        for task in run.scene.of(phase):
            if run.admits(task) and _may_earn(run, task):
                _grant(run, task, task.ranks, "bonus")


def _may_earn(run: Run, task: Task) -> bool:
    missed = run.miss(task.rule, run.earning(task.ranks))
    if run.basket.member is None and missed is None:
        missed = Miss("no_member")
    if missed:
        run.refuse(task, missed)
    return missed is None


def _earn_base(run: Run) -> None:
    """Each line earns by the rule that names it most narrowly, if that rule's conditions hold."""
    tasks = run.scene.of(Phase.BASE)
    able = [task for task in tasks if run.admits(task) and _may_earn(run, task)]
    won = _won_lines(able)
    while failing := _no_longer_holding(run, able, won):
        able = [task for task in able if task.rule.version_id not in failing]
        won = _won_lines(able)
    for task in able:
        if not (ranks := won.get(task.rule.version_id)):
            run.tell(task, "beaten", "narrower_rule", {"by": _beaten_by(task, able, won)})
        elif run.admits(task):
            _grant(run, task, ranks, "narrowest_rule")


def _won_lines(tasks: list[Task]) -> dict[int, dict[int, int]]:
    """Version → the lines it names most narrowly, ties to the first in the order of work."""
    if len(tasks) == 1:
        return {tasks[0].rule.version_id: tasks[0].ranks}
    best: dict[int, tuple[int, int]] = {}
    for task in tasks:
        for position, rank in task.ranks.items():
            if position not in best or rank > best[position][0]:
                best[position] = (rank, task.rule.version_id)
    won: dict[int, dict[int, int]] = {}
    for position, (rank, version_id) in sorted(best.items()):
        won.setdefault(version_id, {})[position] = rank
    return won


def _no_longer_holding(
    run: Run, able: list[Task], won: Mapping[int, Mapping[int, int]]
) -> set[int]:
    """Rules whose conditions fail on the lines they won alone.

    A return asks the same question of the lines that a rule was paid for, so
    the sale has to as well. Their lines go to the next narrowest rule.
    """
    failing = set()
    for task in able:
        ranks = won.get(task.rule.version_id)
        if not ranks or len(ranks) == len(task.ranks):
            continue
        if missed := run.miss(task.rule, run.earning(ranks)):
            run.refuse(task, missed)
            failing.add(task.rule.version_id)
    return failing


def _beaten_by(task: Task, able: list[Task], won: Mapping[int, Mapping[int, int]]) -> str:
    position = min(task.ranks)
    return next(one.rule.code for one in able if position in won.get(one.rule.version_id, ()))


def _grant(run: Run, task: Task, ranks: Mapping[int, int], reason: str) -> None:
    """Grant, pin the grant, and say how the number came about."""
    goods, effect = run.earning(ranks), task.effect
    assert isinstance(effect, PointsEffect)
    carry_in = run.scene.carries.get(task.rule.version_id, 0) if effect.carries(run.terms) else 0
    granted = effect.grant(_counted(run, effect, goods.parts), run.terms, carry_in)
    given, bound = _bounded(run, task, granted)
    if isinstance(effect, EarningBase) and task.phase == Phase.BASE and _are_multiplied(run):
        for line_no, units in base_units(effect, goods.parts, run.terms).items():
            run.base_units[line_no] += units
    _book(run, task, goods, granted, given)
    if run.explains:
        _pin(run, task, goods, given)
        _explain(run, task, goods, granted, given, bound, reason)


def _explain(
    run: Run, task: Task, goods: Goods, granted: Granted, given: Granted, bound: str, reason: str
) -> None:
    decision = run.decide(task, "capped" if bound else "applied", bound or reason)
    if bound:
        cut = run.limited_by(task.rule, "points", bound)
        decision.params = {"wanted_points": granted.points, **cut}
    decision.points = given.points
    decision.raw_units, decision.per = _readable(granted)
    decision.lines = sorted(part.line.line_no for part in goods.parts)


def _are_multiplied(run: Run) -> bool:
    return bool(run.scene.of(Phase.MULTIPLIER))


def _counted(run: Run, effect: PointsEffect, parts: Sequence[Part]) -> Sequence[Part]:
    """Multipliers count base points, everything else counts money."""
    return in_base_units(parts, run.base_units) if effect.counts_base else parts


def _bounded(run: Run, task: Task, granted: Granted) -> tuple[Granted, str]:
    """Cut a grant to what caps and limits leave. What is cut is not carried on."""
    most = run.most_points(task.rule)
    if most is None or granted.points <= max(most[0], 0):
        return granted, ""
    points = max(most[0], 0)
    by_line = tuple(split_largest_remainder(points, granted.by_line)) if granted.by_line else ()
    return msgspec.structs.replace(granted, points=points, by_line=by_line), most[1]


def _readable(granted: Granted) -> tuple[int, int]:
    """Raw units as they are kept: those of multipliers are too fine to be stored."""
    finer = BASE_UNIT // 1000
    if granted.per % finer:
        return granted.raw_units, granted.per
    return granted.raw_units // finer, granted.per // finer


def _book(run: Run, task: Task, goods: Goods, granted: Granted, given: Granted) -> None:
    run.use(task.rule, points=given.points)
    if granted.carries:
        run.carry_deltas[task.rule.version_id] = granted.carry_delta
    lines, position = run.lines, run.scene.position
    for part, points in zip(goods.parts, given.by_line, strict=True):
        if points:
            lines[position[part.line.line_no]].points += points


def _pin(run: Run, task: Task, goods: Goods, given: Granted) -> None:
    """What a return works from, and the points of each line for reports."""
    version, grants = task.rule.version_id, run.grants
    for part, points in zip(goods.parts, given.by_line, strict=True):
        line_no = part.line.line_no
        grant = LineGrant(line_no, version, part.amount_minor, points, given.carry_in)
        key = (version, line_no)
        grants[key] = _together(grants[key], grant) if key in grants else grant
    run.pins.append(pin(run, task, goods, given.points, given.carry_in))


def _together(one: LineGrant, other: LineGrant) -> LineGrant:
    """Points by line and promotion, for reports: all effects of a promotion together."""
    base = max(one.base_minor, other.base_minor)
    points, carry_in = one.points + other.points, one.carry_in or other.carry_in
    return LineGrant(one.line_no, one.version_id, base, points, carry_in)
