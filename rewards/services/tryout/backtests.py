"""Back-tests: asked for by somebody, run by a worker, looked at by whoever may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import cast

import msgspec
from django.db import transaction

from loyalty_crm.kernel import audit, jobs
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.problems import fault
from rewards.errors import TryoutInvalid
from rewards.models import BackTest, Programme
from rewards.services.tryout.crew import HelperLost, Window, can_help, counted
from rewards.services.tryout.reading import SLICE, Place, Span, count, reading
from rewards.services.tryout.replay import Replay, State
from rewards.services.tryout.results import write_results
from rewards.services.tryout.sides import (
    Baseline,
    Sides,
    VersionRef,
    before_ids,
    check_codes,
    find_versions,
    sides_of,
)
from rewards.services.tryout.tally import Counter, Tally, merge
from rewards.services.tryout.work import (
    Pace,
    Period,
    check_period,
    codes,
    packed,
    span_of,
    unpacked,
)

KIND = "backtest"


class Kept(msgspec.Struct):
    """What the worker's successor needs: the state of the walk, and the sums so far."""

    state: State = msgspec.field(default_factory=State)
    tally: Tally = msgspec.field(default_factory=Tally)
    done: int = 0
    total: int | None = None


@transaction.atomic
def start(
    *,
    programme: Programme,
    versions: Sequence[VersionRef],
    period: Period,
    baseline: Baseline = "live",
    without: Sequence[str] = (),
    name: str = "",
    actor: Actor,
) -> BackTest:
    """Ask for a back-test. A worker takes it up; nothing of the shop is written."""
    check_period(period)
    check_codes(programme, without)
    found = find_versions(programme, versions)
    if not (found or without):
        raise TryoutInvalid(errors=[fault("/versions", "required")])
    before = before_ids(programme, baseline)
    job = jobs.enqueue(kind=KIND, params={"before": before}, actor=actor)
    test = BackTest.objects.create(
        programme=programme,
        job=job,
        name=name,
        baseline=baseline,
        versions=[version.pk for version in found],
        without=codes(without),
        first_day=period.first_day,
        last_day=period.last_day,
        stores=codes(period.stores),
        created_by=actor.label,
    )
    audit.record(
        action="backtest.started",
        object_type="backtest",
        object_id=str(test.public_id),
        after={"versions": test.versions, "baseline": baseline},
        actor=actor,
    )
    return test


def cancel(*, test: BackTest, actor: Actor) -> BackTest:
    """Stop a back-test that waits or runs; one that has ended stays as it is."""
    if jobs.cancel(test.job):
        audit.record(
            action="backtest.cancelled",
            object_type="backtest",
            object_id=str(test.public_id),
            actor=actor,
        )
        BackTest.objects.filter(pk=test.pk).update(kept=None)
    return BackTest.objects.with_job().get(pk=test.pk)


def run_next(*, pace: Pace | None = None, most: int = SLICE) -> bool:
    """Do one turn of the oldest back-test that waits; False when there is none.

    A turn ends with the state written down, so that the next worker goes on from
    it: also after one that died. Cancelled work stops at the next writing.
    """
    job = jobs.claim(KIND)
    if job is None:
        return False
    test = BackTest.objects.select_related("programme", "job").get(job=job)
    try:
        _turn(test, job, pace or Pace(), most)
    except jobs.JobLost:
        pass
    except Exception as failure:
        jobs.fail(job, error=type(failure).__name__)
        raise
    return True


def sides_of_test(test: BackTest) -> Sides:
    return sides_of(
        programme=test.programme,
        baseline=cast("Baseline", test.baseline),
        before=test.job.params["before"],
        versions=test.versions,
        without=test.without,
    )


def _turn(test: BackTest, job: Job, pace: Pace, most: int) -> None:
    kept = unpacked(test.kept, Kept)
    sides = sides_of_test(test)
    period = Period(first_day=test.first_day, last_day=test.last_day, stores=tuple(test.stores))
    span = span_of(test.programme, period)
    counter = Counter(kept.tally, sides.before.terms)
    with reading() as reader:
        if kept.total is None:
            kept.total = count(reader, span).number
            Job.objects.filter(pk=job.pk).update(total=kept.total)
        replay = Replay(reader, sides, span, kept.state)
        for _piece in pieces(replay, kept, counter, sides, span, most):
            if pace.is_over():
                _keep(test, job, kept, replay)
                jobs.release(job)
                return
            if pace.may_keep():
                _keep(test, job, kept, replay)
    _finish(test, job, counter, sides)


def pieces(
    replay: Replay, kept: Kept, counter: Counter, sides: Sides, span: Span, most: int = SLICE
) -> Iterator[None]:
    """Count piece by piece, with helpers where they can help; after each the state is whole."""
    with suppress(HelperLost):
        yield from _with_helpers(replay, kept, sides, span, most)
    for receipts in replay.slices(most):
        for one in receipts:
            counter.add(one)
            kept.done += 1
        yield


def _with_helpers(
    replay: Replay, kept: Kept, sides: Sides, span: Span, most: int
) -> Iterator[None]:
    """Count all that is left, unless a helper is lost on the way: the rest is done alone."""
    if not replay.is_parted:
        return
    ends = replay.cuts(most)
    places = [replay.begins, *(Place(moment, 0) for moment in ends)]
    windows = [Window(*one) for one in zip(places, ends, strict=False)]
    if not can_help(windows):
        return
    for window, found in counted(windows, sides, span, most):
        merge(kept.tally, found.tally)
        kept.done += found.number
        replay.place = Place(window.ends, 0)
        yield


@transaction.atomic
def _keep(test: BackTest, job: Job, kept: Kept, replay: Replay) -> None:
    kept.state = replay.state()
    BackTest.objects.filter(pk=test.pk).update(kept=packed(kept))
    place = {"at": str(kept.state.at), "id": kept.state.id}
    jobs.advance(job, done=kept.done, checkpoint=place)


@transaction.atomic
def _finish(test: BackTest, job: Job, counter: Counter, sides: Sides) -> None:
    done = counter.tally.total[0]
    jobs.advance(job, done=done, checkpoint={})
    totals = write_results(test, counter, sides.before.terms)
    BackTest.objects.filter(pk=test.pk).update(kept=None, totals=totals)
    jobs.finish(job, result=totals)
