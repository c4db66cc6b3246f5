"""Room in limits that a quote keeps for its sale: placed, released, expired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from rewards.models import LimitHold, LimitUse
from rewards.rules.limits import Claim
from rewards.services.limits import counters

RELEASED, EXPIRED = LimitHold.Outcome.RELEASED.value, LimitHold.Outcome.EXPIRED.value


def place(
    claims: Sequence[Claim], *, public_id: UUID, owner: str, expires_at: datetime
) -> LimitHold:
    """Hold what the claims ask for. Belongs inside a transaction; locks the counters.

    Without room the whole unit is undone (``counters.moved_meanwhile``).
    """
    hold = LimitHold.objects.create(public_id=public_id, owner=owner, expires_at=expires_at)
    notes = [
        {
            **claim.counter._asdict(),
            "version_id": claim.version_id,
            "receipt_id": None,
            "hold_id": hold.pk,
            "kind": LimitUse.Kind.HOLD.value,
            "used": 0,
            "held": claim.amount,
            "returns": claim.returns,
        }
        for claim in claims
    ]
    counters.claim(notes, {claim.counter: claim.most for claim in claims}, force=False)
    return hold


@transaction.atomic
def release(public_id: UUID) -> str:
    """Free what a quote holds; how it has ended. Empty when there is no such hold.

    Twice is the same as once; a hold that ended otherwise stays as it is.
    """
    hold = LimitHold.objects.filter(public_id=public_id).first()
    if hold is None:
        return ""
    counters.lock((), [hold.pk])
    counters.free([hold.pk], RELEASED)
    hold.refresh_from_db(fields=["outcome"])
    return hold.outcome


@transaction.atomic
def expire_due(limit: int = 200) -> int:
    """Free up to ``limit`` holds that are over; return how many."""
    due = counters.due(None, limit)
    if due:
        counters.lock((), due)
        counters.free(due, EXPIRED)
    return len(due)
