"""Long work in pieces: claimed, advanced with a checkpoint, taken over when its worker dies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.models.functions import ClockTimestamp

#: A worker that gave no sign of life for so long is taken for dead.
SILENCE = timedelta(minutes=5)


class JobLost(DomainError):
    """The job was cancelled, or another worker took it over: stop without a trace."""

    code = "job_lost"
    status = 409
    title = _("The job is no longer this worker's")


def enqueue(*, kind: str, params: Mapping[str, Any], total: int | None = None, actor: Actor) -> Job:
    return Job.objects.create(kind=kind, params=dict(params), total=total, created_by=actor.label)


def claim(kind: str) -> Job | None:
    """Take the oldest job of a kind that waits, or whose worker died; None when there is none.

    A job taken over continues from its checkpoint, so the work up to the last
    ``advance`` is not repeated and the rest must bear being repeated.
    """
    waits = Q(state=Job.State.QUEUED)
    orphaned = Q(state=Job.State.RUNNING, heartbeat_at__lt=Now() - SILENCE)
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(skip_locked=True)
            .filter(waits | orphaned, kind=kind)
            .order_by("id")
            .first()
        )
        if job:
            job.worker = job.worker + 1
            job.state = Job.State.RUNNING
            Job.objects.filter(pk=job.pk).update(
                state=job.state,
                worker=job.worker,
                started_at=ClockTimestamp(),
                heartbeat_at=ClockTimestamp(),
            )
    return job


def advance(job: Job, *, done: int, checkpoint: Mapping[str, Any]) -> None:
    """Report progress and a place to continue from.

    Call it in the transaction of the piece of work it reports; it raises
    ``JobLost``, and so undoes the piece, when the job is no longer ours.
    """
    _update(job, done=done, checkpoint=dict(checkpoint), heartbeat_at=ClockTimestamp())
    job.done, job.checkpoint = done, dict(checkpoint)


def release(job: Job) -> None:
    """Put a job back after a piece of it: whoever claims it next goes on from its checkpoint."""
    _update(job, state=Job.State.QUEUED)


def finish(job: Job, *, result: Mapping[str, Any] | None = None) -> None:
    _end(job, Job.State.SUCCEEDED, result=dict(result or {}))


def fail(job: Job, *, error: str) -> None:
    """Give up. ``error`` is shown to whoever started the job: no personal data, no internals."""
    _end(job, Job.State.FAILED, error=error[:2000])


def cancel(job: Job) -> bool:
    """Stop a job that waits or runs; its worker learns of it at the next ``advance``."""
    unfinished = Job.objects.filter(pk=job.pk, state__in=[Job.State.QUEUED, Job.State.RUNNING])
    return bool(unfinished.update(state=Job.State.CANCELLED, finished_at=ClockTimestamp()))


def _end(job: Job, state: Job.State, **values: Any) -> None:
    _update(job, state=state, finished_at=ClockTimestamp(), **values)
    job.state = state


def _update(job: Job, **values: Any) -> None:
    ours = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, worker=job.worker)
    if not ours.update(**values):
        raise JobLost(job=str(job.public_id))
