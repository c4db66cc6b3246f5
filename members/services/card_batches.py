"""Batches of card numbers: ordered, made by a job in pieces, ready for the print shop."""

from __future__ import annotations

import logging
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, jobs
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import Job
from members.errors import CardTypeInvalid
from members.models import CardBatch, CardType
from members.rules.cards import random_number

logger = logging.getLogger(__name__)

JOB = "cards.make"
CHUNK = 5_000
MOST = 1_000_000
State = CardBatch.State

# A number that is taken is left out, and its place is drawn again in the next chunk.
_WRITE = """
INSERT INTO members_card (number, status, is_virtual, reason, type_id, batch_id)
SELECT number, 'prepared', false, '', %(type)s, %(batch)s FROM unnest(%(numbers)s::text[]) AS number
ON CONFLICT (number) DO NOTHING
"""


@transaction.atomic
def order_batch(*, card_type: CardType, name: str, count: int, actor: Actor) -> CardBatch:
    """Order so many numbers of a type; the job begins within seconds."""
    if not 1 <= count <= MOST:
        raise CardTypeInvalid(_("1 to 1,000,000 cards at once"), pointer="/count")
    if card_type.kind == CardType.Kind.GIFT:
        raise CardTypeInvalid(
            _("Gift cards carry money and are made under Gift cards"), pointer="/type"
        )
    if not card_type.is_active:
        raise CardTypeInvalid(_("This type is not in use"), pointer="/type")
    batch = CardBatch.objects.create(
        type=card_type, name=name, wanted=count, created_by=actor.label
    )
    return _start(batch, actor)


@transaction.atomic
def resume_batch(*, batch: CardBatch, actor: Actor) -> CardBatch:
    """Order what is missing of a batch that was stopped or failed. A repeat does nothing."""
    held = CardBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    return _start(held, actor) if held.state == State.DRAFT else held


@transaction.atomic
def stop_batch(*, batch: CardBatch, actor: Actor) -> CardBatch:
    """Cancel the job. The cards that were made stay."""
    held = CardBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if held.state == State.GENERATING:
        if held.job:
            jobs.cancel(held.job)
        CardBatch.objects.filter(pk=held.pk).update(state=State.DRAFT)
        held.state = State.DRAFT
        _trace("card_batch.stopped", held, actor)
    return held


def _start(batch: CardBatch, actor: Actor) -> CardBatch:
    params = {"batch": str(batch.public_id)}
    batch.job = jobs.enqueue(kind=JOB, params=params, total=batch.wanted, actor=actor)
    batch.state = State.GENERATING
    batch.save(update_fields=["job", "state"])
    _trace("card_batch.ordered", batch, actor)
    return batch


def make_next(chunk: int = CHUNK) -> int:
    """Run the oldest waiting job, or one whose worker died; how many cards it made.

    A chunk is one transaction with its cards, the batch's count and the job's
    checkpoint: a worker that is killed leaves none of the three.
    """
    job = jobs.claim(JOB)
    if job is None:
        return 0
    made = 0
    try:
        while count := _advance(job, chunk):
            made += count
    except jobs.JobLost:
        return made
    except Exception as failure:
        logger.exception("cards of job %s were not made", job.pk)
        _give_up(job, type(failure).__name__)
    return made


def _advance(job: Job, chunk: int) -> int:
    with transaction.atomic():
        batches = CardBatch.objects.select_for_update(no_key=True, of=("self",))
        batch = batches.select_related("type").get(public_id=job.params["batch"])
        missing = min(chunk, batch.wanted - batch.made)
        if not missing:
            CardBatch.objects.filter(pk=batch.pk).update(state=State.READY)
            jobs.finish(job, result={"made": batch.made})
            return 0
        count = _write(batch, missing)
        CardBatch.objects.filter(pk=batch.pk).update(made=F("made") + count)
        jobs.advance(job, done=batch.made + count, checkpoint={"made": batch.made + count})
    return count


def _write(batch: CardBatch, count: int) -> int:
    numbers = {random_number(batch.type.number_prefix) for _each in range(count)}
    values: dict[str, Any] = {"type": batch.type_id, "batch": batch.pk, "numbers": list(numbers)}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        return int(cursor.rowcount)


@transaction.atomic
def _give_up(job: Job, error: str) -> None:
    jobs.fail(job, error=error)
    CardBatch.objects.filter(job=job).update(state=State.DRAFT)


def _trace(action: str, batch: CardBatch, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="card_batch",
        object_id=str(batch.pk),
        after={"type": batch.type.code, "wanted": batch.wanted, "made": batch.made},
        actor=actor,
    )
