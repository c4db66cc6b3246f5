"""Gift cards by the hundred: one person asks, another approves, a job makes them.

Value without a sale is never given by one person alone: the table insists on it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, jobs
from loyalty_crm.kernel.actors import SYSTEM, Actor
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.models import Job
from rewards.errors import GiftCardBatchState, OwnApproval
from rewards.models import GiftCard, GiftCardBatch, Programme
from rewards.rules.expiry import NEVER
from rewards.services.gift_cards.issuing import issue
from rewards.services.ledger import Event, lock_wallets
from rewards.services.ledger.writing import draft_for
from rewards.services.programmes import default_programme

logger = logging.getLogger(__name__)

JOB = "gift_cards.make"
MOST_CARDS = 100_000
CHUNK = 200
State = GiftCardBatch.State


@dataclass(frozen=True, kw_only=True)
class BatchOrder:
    """What is asked for. ``amount_minor`` 0: printed stock, worth nothing until it is sold."""

    name: str
    reason: str
    wanted: int
    amount_minor: int = 0
    with_pin: bool = True
    expires_on: date | None = None


@transaction.atomic
def request_batch(*, order: BatchOrder, actor: Actor) -> GiftCardBatch:
    """Ask for cards. Nothing is made before somebody else approves."""
    if not 1 <= order.wanted <= MOST_CARDS:
        raise ValidationFailed(pointer="/wanted")
    if not 0 <= order.amount_minor <= 10**9:
        raise ValidationFailed(pointer="/amount")
    if order.expires_on and order.expires_on <= clock.now().date():
        raise ValidationFailed(_("This day is over."), pointer="/expires_on")
    batch = GiftCardBatch.objects.create(
        programme=default_programme(),
        requested_by=actor.label,
        **{name: getattr(order, name) for name in BatchOrder.__dataclass_fields__},
    )
    _trace("gift_card_batch.requested", batch, actor, order.reason)
    return batch


@transaction.atomic
def approve_batch(*, batch: GiftCardBatch, actor: Actor) -> GiftCardBatch:
    """Agree, as another person than the one who asked; the job begins. Once: the row is locked."""
    held = _undecided(batch)
    if held.requested_by == actor.label:
        raise OwnApproval
    held.job = jobs.enqueue(
        kind=JOB, params={"batch": str(held.public_id)}, total=held.wanted, actor=actor
    )
    return _decide(held, State.MAKING, "gift_card_batch.approved", actor)


@transaction.atomic
def refuse_batch(*, batch: GiftCardBatch, actor: Actor) -> GiftCardBatch:
    """Say no, as another person. Who asked may not take it back: the trail keeps it."""
    held = _undecided(batch)
    if held.requested_by == actor.label:
        raise OwnApproval
    return _decide(held, State.REFUSED, "gift_card_batch.refused", actor)


def make_next(chunk: int = CHUNK) -> int:
    """Run the oldest waiting job, or one whose worker died; how many cards it made.

    Cards, their value, the batch's count and the job's checkpoint are one
    transaction a chunk: a worker that is killed leaves none of them.
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
        logger.exception("gift cards of job %s were not made", job.pk)
        jobs.fail(job, error=type(failure).__name__)
    return made


def _advance(job: Job, chunk: int) -> int:
    """One chunk; 0 when nothing was left, and then the batch is ready."""
    with transaction.atomic():
        batch = GiftCardBatch.objects.select_for_update(no_key=True).get(
            public_id=job.params["batch"]
        )
        missing = min(chunk, batch.wanted - batch.made)
        if not missing:
            GiftCardBatch.objects.filter(pk=batch.pk).update(state=State.READY)
            jobs.finish(job, result={"made": batch.made})
            return 0
        _make(batch, missing)
        GiftCardBatch.objects.filter(pk=batch.pk).update(made=F("made") + missing)
        done = batch.made + missing
        jobs.advance(job, done=done, checkpoint={"made": done})
    return missing


def _make(batch: GiftCardBatch, count: int) -> None:
    programme = Programme.objects.get(pk=batch.programme_id)
    cards = issue(
        programme=programme,
        count=count,
        with_pin=batch.with_pin,
        expires_on=batch.expires_on,
        actor=SYSTEM,
    )
    pks = [card.pk for card in cards]
    known = GiftCard.objects.filter(pk__in=pks)
    known.update(batch=batch)
    if batch.amount_minor:
        _load(batch, cards)
        known.update(state=GiftCard.State.ACTIVE, activated_at=clock.now())


def _load(batch: GiftCardBatch, cards: Sequence[GiftCard]) -> None:
    """Value that nobody paid for: an adjustment, once a card, under the approved batch."""
    states = lock_wallets(card.wallet_id for card in cards)
    draft, now = draft_for(list(states.values())), clock.now()
    source = f"gift-batch:{batch.public_id}"
    for card in cards:
        ref, said = str(card.public_id), batch.reason
        draft.event(Event("gift_issue", source, ref, now, batch.decided_by, said))
        draft.gain(states[card.wallet_id].id, "adjust", [(NEVER, batch.amount_minor)])
    draft.write()


def _undecided(batch: GiftCardBatch) -> GiftCardBatch:
    held = GiftCardBatch.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.pk)
    if held.state != State.REQUESTED:
        raise GiftCardBatchState(state=held.state)
    return held


def _decide(
    held: GiftCardBatch, state: GiftCardBatch.State, action: str, actor: Actor
) -> GiftCardBatch:
    held.state, held.decided_by, held.decided_at = state, actor.label, clock.now()
    held.save(update_fields=["state", "decided_by", "decided_at", "job"])
    _trace(action, held, actor)
    return held


def _trace(action: str, batch: GiftCardBatch, actor: Actor, reason: str = "") -> None:
    audit.record(
        action=action,
        object_type="gift_card_batch",
        object_id=str(batch.public_id),
        after={
            "state": batch.state,
            "wanted": batch.wanted,
            "amount_minor": batch.amount_minor,
        },
        reason=reason,
        actor=actor,
    )
