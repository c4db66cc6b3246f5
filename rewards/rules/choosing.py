"""Which promotions to leave out when not all go together: the best combination, within bounds.

Promotions that rule each other out form knots. A knot of up to ``MOST`` is tried
in every combination that leaves nobody out without need; a greater one is taken
in the order of work, and its decisions say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from rewards.rules.groups import Group
from rewards.rules.rule_set import Rule
from rewards.rules.run import Run, excludes
from rewards.rules.scene import Scene

MOST = 8


class Attempt(Protocol):
    """Runs the whole receipt without these promotions."""

    def __call__(self, without: frozenset[int], *, explains: bool) -> Run: ...


def best_run(scene: Scene, attempt: Attempt, *, explain: bool) -> Run:
    """The run that serves best, with a word for each promotion that was left out."""
    greedy = attempt(frozenset(), explains=explain)
    knots = [knot for knot in _knots(scene, greedy) if len(knot) > 1]
    if not knots:
        return greedy
    without: frozenset[int] = frozenset()
    for knot in knots:
        if len(knot) <= MOST:
            without |= _least(scene, knot, without, attempt)
    run = attempt(without, explains=explain) if without else greedy
    if explain:
        _tell(run, [knot for knot in knots if len(knot) > MOST], without)
    return run


def _knots(scene: Scene, greedy: Run) -> list[list[Rule]]:
    """Promotions that are tied to each other, in the order of work; no hopeless ones."""
    if not scene.choosy:
        return []
    rules = [rule for rule in scene.rules() if _is_choosy(scene, rule)]
    if len(rules) < 2 and not any(rule.definition.stacking.not_with for rule in rules):
        return []
    rules = [rule for rule in scene.rules() if _has_a_chance(greedy, rule)]
    knots: list[list[Rule]] = []
    for rule in rules:
        tied = [knot for knot in knots if any(_apart(scene, rule, other) for other in knot)]
        joined = sorted([rule, *(one for knot in tied for one in knot)], key=lambda r: r.order)
        knots = [*(knot for knot in knots if knot not in tied), joined]
    return sorted(knots, key=lambda knot: knot[0].order)


def _is_choosy(scene: Scene, rule: Rule) -> bool:
    return bool(rule.definition.stacking.not_with) or _chooses(scene.group_of(rule))


def _chooses(group: Group | None) -> bool:
    return group is not None and group.mode in ("best_member", "best_shop")


def _has_a_chance(greedy: Run, rule: Rule) -> bool:
    missed = greedy.missed.get(rule.promotion_id)
    return missed is None or missed.near or rule.promotion_id in greedy.uses


def _apart(scene: Scene, one: Rule, other: Rule) -> bool:
    """Whether two promotions can not both count."""
    group = scene.group_of(one)
    same = group is not None and group is scene.group_of(other)
    return excludes(one, other) or (same and _chooses(group))


def _least(
    scene: Scene, knot: Sequence[Rule], without: frozenset[int], attempt: Attempt
) -> frozenset[int]:
    """Whom of a knot to leave out, so that the rest gives the most (for the shop, the least)."""
    shop = _for_shop(scene, knot)
    found = []
    for number, kept in enumerate(_combinations(scene, knot)):
        out = frozenset(rule.promotion_id for rule in knot) - kept
        run = attempt(without | out, explains=False)
        used = sum(promotion in run.uses for promotion in kept)
        value = benefit(run)
        found.append(((not used, value if shop else -value, -used, number), out))
    return min(found)[1]


def _for_shop(scene: Scene, knot: Sequence[Rule]) -> bool:
    groups = [scene.group_of(rule) for rule in knot]
    return all(group is not None and group.mode == "best_shop" for group in groups)


def _combinations(scene: Scene, knot: Sequence[Rule]) -> Iterator[frozenset[int]]:
    """Every set of promotions that go together and to which none can be added."""
    apart = {
        one.promotion_id: {o.promotion_id for o in knot if o is not one and _apart(scene, one, o)}
        for one in knot
    }
    ids = [rule.promotion_id for rule in knot]
    for bits in range((1 << len(ids)) - 1, 0, -1):
        kept = frozenset(one for n, one in enumerate(ids) if bits >> (len(ids) - 1 - n) & 1)
        fits = all(apart[one].isdisjoint(kept) for one in kept)
        if fits and all(one in kept or not apart[one].isdisjoint(kept) for one in ids):
            yield kept


def benefit(run: Run) -> int:
    """What the buyer gets, in minor units: money off, and points at what they pay."""
    off = sum([line.discount_minor for line in run.lines])
    return off + run.terms.money_for(sum([line.points for line in run.lines]))


def _tell(run: Run, too_many: list[list[Rule]], without: frozenset[int]) -> None:
    applied = [rule for rule in run.scene.rules() if rule.promotion_id in run.uses]
    for task in run.scene.tasks():
        rule = task.rule
        if rule.promotion_id not in without:
            continue
        by = next((one for one in applied if _apart(run.scene, rule, one)), None)
        if by:
            reason = "not_with" if excludes(rule, by) else "group"
            run.tell(task, "beaten", reason, {"by": by.code})
        elif missed := run.miss(rule, run.priced(task)):
            run.refuse(task, missed)
    greedy = {rule.code for knot in too_many for rule in knot}
    for decision in run.decisions:
        if decision.promotion in greedy:
            decision.params = {**decision.params, "search": "greedy"}
