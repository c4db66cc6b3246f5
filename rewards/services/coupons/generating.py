"""The job that makes the codes of a batch: chunk by chunk, to the exact count."""

from __future__ import annotations

import logging

from django.db import connection, transaction
from django.db.models import F

from loyalty_crm.kernel import jobs
from loyalty_crm.kernel.models import Job
from rewards.models import CouponBatch
from rewards.rules.codes import draw
from rewards.services.coupons.batches import JOB

logger = logging.getLogger(__name__)

CHUNK = 10_000
State = CouponBatch.State

# A code that somebody has already is left out, and its place is drawn again in the next chunk.
_WRITE = """
INSERT INTO rewards_coupon (batch_id, code, max_uses)
SELECT %(batch)s, code, %(max_uses)s FROM unnest(%(codes)s::text[]) AS code
ON CONFLICT (code) DO NOTHING
"""


def generate_next(chunk: int = CHUNK) -> int:
    """Run the oldest waiting job, or one whose worker died; how many codes it made.

    Every chunk is one transaction with its codes, the batch's count and the job's
    checkpoint. A worker that is killed leaves none of the three, so its successor
    goes on from the count. Cancelled meanwhile: the chunk at hand is undone.
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
        logger.exception("codes of job %s were not made", job.pk)
        _give_up(job, type(failure).__name__)
    return made


def _advance(job: Job, chunk: int) -> int:
    """One chunk; 0 when there was nothing left, and then the batch is ready."""
    with transaction.atomic():
        batch = CouponBatch.objects.select_for_update(no_key=True).get(
            public_id=job.params["batch"]
        )
        missing = min(chunk, batch.wanted - batch.made)
        if not missing:
            CouponBatch.objects.filter(pk=batch.pk).update(state=State.READY)
            jobs.finish(job, result={"made": batch.made})
            return 0
        count = _write(batch, missing)
        CouponBatch.objects.filter(pk=batch.pk).update(made=F("made") + count)
        jobs.advance(job, done=batch.made + count, checkpoint={"made": batch.made + count})
    return count


def _write(batch: CouponBatch, count: int) -> int:
    values = {
        "batch": batch.pk,
        "max_uses": batch.uses_per_code,
        "codes": list(set(draw(count, length=batch.random_length, prefix=batch.prefix))),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        return int(cursor.rowcount)


@transaction.atomic
def _give_up(job: Job, error: str) -> None:
    """What is made stays; the batch may be ordered again."""
    jobs.fail(job, error=error)
    CouponBatch.objects.filter(job=job).update(state=State.DRAFT)
