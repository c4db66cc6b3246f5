"""Marks of several judges, or a score; places with a rule for ties; prizes by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import ContestState
from rewards.models import Contest, ContestEntry, ContestMark, ContestPrize, PrizeWin
from rewards.services.contests.steps import go, locked
from rewards.services.prizes import What, give_prize

State = Contest.State


@dataclass(frozen=True, slots=True)
class Standing:
    """A work as it stands: the result (thousandths of a mark, or the score), marks, place."""

    work: ContestEntry
    result: int | None
    marks: int
    place: int


@transaction.atomic
def give_mark(*, work: ContestEntry, mark: int, note: str = "", actor: Actor) -> ContestMark:
    """One judge's mark; given again it replaces the judge's own. Locks the contest."""
    contest = locked(work.contest, State.JUDGING)
    if contest.method != Contest.Method.JURY or work.state != ContestEntry.State.ACCEPTED:
        raise ContestState(_("This work is not judged by marks."), state=work.state)
    if not 0 <= mark <= contest.most_mark:
        text = _("A mark is a number from 0 to %(most)s.") % {"most": contest.most_mark}
        raise ValidationFailed(text, pointer="/mark", max=contest.most_mark)
    given, _new = ContestMark.objects.update_or_create(
        entry=work, judge=actor.label, defaults={"mark": mark, "note": note, "at": clock.now()}
    )
    _tell(work, "contest.marked", {"mark": mark}, actor)
    return given


@transaction.atomic
def give_score(*, work: ContestEntry, score: int, actor: Actor) -> ContestEntry:
    """The score of a work, from a count or a measurement; the last one counts."""
    contest = locked(work.contest, State.JUDGING)
    if contest.method != Contest.Method.SCORE or work.state != ContestEntry.State.ACCEPTED:
        raise ContestState(_("This work is not judged by a score."), state=work.state)
    if abs(score) > 10**9:
        raise ValidationFailed(pointer="/score", max=10**9)
    work.score = score
    work.save(update_fields=["score"])
    _tell(work, "contest.scored", {"score": score}, actor)
    return work


def standing(contest: Contest) -> list[Standing]:
    """Works in the order of their results; those without any come last, without a place."""
    works = list(
        contest.entries.filter(state=ContestEntry.State.ACCEPTED)
        .prefetch_related("marks")
        .order_by("sent_at", "pk")
    )
    results = {work.pk: _result(contest, work) for work in works}
    judged = [work for work in works if results[work.pk] is not None]
    judged.sort(key=lambda work: -(results[work.pk] or 0))
    placed = _placed(contest, judged, results)
    rest = [work for work in works if results[work.pk] is None]
    return placed + [Standing(work, None, 0, 0) for work in rest]


def _result(contest: Contest, work: ContestEntry) -> int | None:
    if contest.method == Contest.Method.SCORE:
        return work.score
    marks = [one.mark for one in work.marks.all()]
    # The average in thousandths, half up: the same everywhere, unlike a binary fraction.
    return (2_000 * sum(marks) + len(marks)) // (2 * len(marks)) if marks else None


def _placed(
    contest: Contest, judged: Sequence[ContestEntry], results: dict[int, int | None]
) -> list[Standing]:
    """Equal results share the place, or the earlier work comes first: as the rules say."""
    placed: list[Standing] = []
    for number, work in enumerate(judged, start=1):
        result, place = results[work.pk], number
        shares = contest.ties == Contest.Ties.SHARED and placed and placed[-1].result == result
        if shares:
            place = placed[-1].place
        placed.append(Standing(work, result, len(work.marks.all()), place))
    return placed


@transaction.atomic
def publish_results(*, contest: Contest, actor: Actor) -> Contest:
    """Fix the places and give the prizes. Locks the contest. Refused before every work is judged.

    Works that share a place get the prize of that place each.
    """
    held = locked(contest, State.JUDGING)
    rows = standing(held)
    if not rows or any(row.result is None for row in rows):
        raise ContestState(_("Judge every work first."), state=held.state)
    prizes = {one.place: one for one in held.prizes.all()}
    for row in rows:
        row.work.place, row.work.result = row.place, row.result
        if prize := prizes.get(row.place):
            row.work.win = _give(held, row.work, prize, actor)
        row.work.save(update_fields=["place", "result", "win"])
    return go(held, State.PUBLISHED, actor)


def _give(contest: Contest, work: ContestEntry, prize: ContestPrize, actor: Actor) -> PrizeWin:
    return give_prize(
        programme=contest.programme,
        member=work.member,
        what=What(prize.kind, prize.what, prize.amount),
        label=prize.label,
        value_minor=prize.value_minor,
        source=f"contest:{contest.public_id}",
        source_ref=str(work.public_id),
        at=clock.now(),
        actor=actor,
    )


def _tell(work: ContestEntry, action: str, after: dict[str, object], actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="contest_entry",
        object_id=str(work.public_id),
        after=after,
        actor=actor,
    )
