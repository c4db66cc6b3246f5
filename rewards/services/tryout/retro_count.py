"""Counting a retroactive batch: the replay of printed receipts, one item for each difference."""

from __future__ import annotations

import msgspec
from django.db import transaction
from django.db.models import Count, Q, Sum

from loyalty_crm.kernel import jobs
from loyalty_crm.kernel.models import Job
from rewards.models import RetroBatch, RetroItem
from rewards.services.tryout.reading import SLICE, count, reading
from rewards.services.tryout.replay import Replay, Replayed, State
from rewards.services.tryout.retro import COUNT
from rewards.services.tryout.retro_limits import told
from rewards.services.tryout.sides import sides_of
from rewards.services.tryout.work import Pace, Period, packed, span_of, unpacked


class Kept(msgspec.Struct):
    """What the worker's successor needs. Items are written together with it."""

    state: State = msgspec.field(default_factory=State)
    done: int = 0


def run_next(*, pace: Pace | None = None, most: int = SLICE) -> bool:
    """Do one turn of the oldest batch that waits to be counted; False when there is none."""
    job = jobs.claim(COUNT)
    if job is None:
        return False
    batch = RetroBatch.objects.select_related("programme", "job").get(job=job)
    try:
        _turn(batch, job, pace or Pace(), most)
    except jobs.JobLost:
        pass
    except Exception as failure:
        jobs.fail(job, error=type(failure).__name__)
        raise
    return True


def _turn(batch: RetroBatch, job: Job, pace: Pace, most: int) -> None:
    kept = unpacked(batch.kept, Kept)
    sides = sides_of(
        programme=batch.programme,
        baseline="past",
        before=job.params["before"],
        versions=batch.versions,
        without=batch.without,
    )
    period = Period(first_day=batch.first_day, last_day=batch.last_day, stores=tuple(batch.stores))
    span = span_of(batch.programme, period)
    items: list[RetroItem] = []
    with reading() as reader:
        if job.total is None:
            total = count(reader, span).number
            Job.objects.filter(pk=job.pk).update(total=total)
        replay = Replay(reader, sides, span, kept.state, printed=True)
        for receipts in replay.slices(most):
            for one in receipts:
                kept.done += 1
                if item := item_of(batch, one):
                    item.claims = told(*replay.claims(one))
                    items.append(item)
            if pace.is_over():
                _keep(batch, job, kept, replay, items)
                jobs.release(job)
                return
            if pace.may_keep():
                _keep(batch, job, kept, replay, items)
                items = []
    _finish(batch, job, kept, items)


def item_of(batch: RetroBatch, one: Replayed) -> RetroItem | None:
    """The difference that one receipt makes; None without a member or a difference."""
    points = one.after.earned - one.before.earned
    if one.sold.member_id is None or not points:
        return None
    return RetroItem(
        batch=batch, receipt_id=one.sold.id, member_id=one.sold.member_id, points=points
    )


@transaction.atomic
def _keep(batch: RetroBatch, job: Job, kept: Kept, replay: Replay, items: list[RetroItem]) -> None:
    RetroItem.objects.bulk_create(items, batch_size=1000)
    kept.state = replay.state()
    RetroBatch.objects.filter(pk=batch.pk).update(kept=packed(kept))
    place = {"at": str(kept.state.at), "id": kept.state.id}
    jobs.advance(job, done=kept.done, checkpoint=place)


@transaction.atomic
def _finish(batch: RetroBatch, job: Job, kept: Kept, items: list[RetroItem]) -> None:
    RetroItem.objects.bulk_create(items, batch_size=1000)
    totals = RetroItem.objects.filter(batch=batch).aggregate(
        items_count=Count("pk"),
        members_count=Count("member", distinct=True),
        points_given=Sum("points", filter=Q(points__gt=0), default=0),
        points_taken=-Sum("points", filter=Q(points__lt=0), default=0),
    )
    waiting = RetroBatch.objects.filter(pk=batch.pk, state=RetroBatch.State.COUNTING)
    waiting.update(kept=None, state=RetroBatch.State.COUNTED, **totals)
    jobs.advance(job, done=kept.done, checkpoint={})
    jobs.finish(job, result={name: int(value) for name, value in totals.items()})
