"""The end of a transfer that waited: its code came, or it was called off."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from rewards.errors import TransferState
from rewards.models import PointsTransfer
from rewards.services.transfers.codes import check_code
from rewards.services.transfers.giving import move, refuse, trace
from rewards.services.transfers.terms import terms_of

State = PointsTransfer.State


def confirm(*, transfer: PointsTransfer, code: str, now: datetime, actor: Actor) -> PointsTransfer:
    """Do what waits if the code is right. Call it outside of a transaction, see ``check_code``."""
    check_code(transfer, code, now)
    return done(transfer=transfer, now=now, actor=actor)


@transaction.atomic
def done(*, transfer: PointsTransfer, now: datetime, actor: Actor) -> PointsTransfer:
    """By the terms of now: they may have changed while it waited."""
    held = locked(transfer, State.WAITING)
    terms = terms_of(held.programme)
    refuse(terms, held.sender, held.recipient, held.points)
    move(held, terms, now, actor)
    return held


@transaction.atomic
def cancel(*, transfer: PointsTransfer, reason: str, actor: Actor) -> PointsTransfer:
    """Call off what waits; nothing has moved yet."""
    held = locked(transfer, State.WAITING)
    held.state, held.reason = State.CANCELLED, reason[:300]
    held.save(update_fields=["state", "reason"])
    trace(held, "points.transfer_cancelled", reason, actor)
    return held


def locked(transfer: PointsTransfer, wanted: State) -> PointsTransfer:
    rows = PointsTransfer.objects.select_for_update(of=("self",), no_key=True)
    held = rows.select_related("programme", "sender", "recipient").get(pk=transfer.pk)
    if held.state != wanted:
        raise TransferState(state=held.state)
    return held
