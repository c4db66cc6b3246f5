"""One member gives points to another. Lots keep their expiry, wallets are locked by their ids."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Sum

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict
from members.models import Member
from rewards.errors import TransferRefused
from rewards.models import PointsTransfer, Programme, TransferTerms
from rewards.services.ledger import Event, WalletState, lock_wallets, wallet_for
from rewards.services.ledger.refusals import refuse_shortage, refuse_status
from rewards.services.ledger.writing import draft_for
from rewards.services.transfers.codes import ask_for_code
from rewards.services.transfers.notices import tell_both
from rewards.services.transfers.terms import terms_of

State = PointsTransfer.State
MONTH = timedelta(days=30)


@transaction.atomic
def give_points(
    *,
    programme: Programme,
    sender: Member,
    recipient: Member,
    points: int,
    source_ref: str,
    now: datetime,
    actor: Actor,
) -> PointsTransfer:
    """Give points away, once per actor and reference; ``points`` in minor units.

    It is done at once, or waits for the code that was sent when the sender's contact
    has just changed (``ContactJustChanged`` when there is nothing older to send it to).
    Refused beyond the terms (``TransferRefused``) and beyond what is free.
    """
    source = f"transfer:{actor.label}"
    asked = (sender.pk, recipient.pk, points)
    if known := _known(source, source_ref):
        return _same(known, asked)
    terms = terms_of(programme)
    refuse(terms, sender, recipient, points)
    transfer = PointsTransfer(
        programme=programme,
        sender=sender,
        recipient=recipient,
        points=points,
        fee=-(-points * terms.fee_percent // 100),
        state=State.WAITING,
        source=source,
        source_ref=source_ref,
    )
    if not _insert(transfer):
        known = _known(source, source_ref)
        assert known is not None
        return _same(known, asked)
    if not ask_for_code(transfer, terms, now):
        move(transfer, terms, now, actor)
    return transfer


def refuse(terms: TransferTerms, sender: Member, recipient: Member, points: int) -> None:
    if not terms.is_on:
        raise TransferRefused(reason="off")
    if sender.pk == recipient.pk:
        raise TransferRefused(reason="self")
    for member, pointer in ((sender, "giver"), (recipient, "taker")):
        if member.status != Member.Status.ACTIVE:
            raise TransferRefused(reason="not_active", member=pointer)
    if points < terms.least:
        raise TransferRefused(reason="least", least=terms.least)


def _known(source: str, source_ref: str) -> PointsTransfer | None:
    return PointsTransfer.objects.filter(source=source, source_ref=source_ref).first()


def _same(known: PointsTransfer, asked: tuple[int, int, int]) -> PointsTransfer:
    if (known.sender_id, known.recipient_id, known.points) != asked:
        raise SourceRefConflict(source_ref=known.source_ref)
    return known


def _insert(transfer: PointsTransfer) -> bool:
    try:
        with transaction.atomic():
            transfer.save(force_insert=True)
    except IntegrityError as clash:
        name = getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "")
        if name != "transfer_once":
            raise
        return False
    return True


def move(transfer: PointsTransfer, terms: TransferTerms, now: datetime, actor: Actor) -> None:
    """Move the points of a transfer whose row is ours. Locks both wallets, by their ids."""
    giver, taker = _locked(transfer)
    _refuse_too_much(transfer, terms, now)
    refuse_shortage(giver.available, transfer.points + transfer.fee)
    draft = draft_for([giver, taker])
    draft.event(Event("transfer", "transfer", str(transfer.public_id), now, actor.label))
    lots = draft.lose(giver.id, "clearing", transfer.points)
    draft.gain(taker.id, "clearing", [(expiry, -amount) for expiry, amount in lots])
    if transfer.fee:
        draft.lose(giver.id, "adjust", transfer.fee)
    (transfer.tx_id,) = draft.write()
    transfer.state, transfer.done_at = State.DONE, now
    transfer.save(update_fields=["tx", "state", "done_at"])
    trace(transfer, "points.transferred", "", actor)
    tell_both(transfer)


def _locked(transfer: PointsTransfer) -> tuple[WalletState, WalletState]:
    ids = [
        wallet_for(pk, transfer.programme).pk for pk in (transfer.sender_id, transfer.recipient_id)
    ]
    states = lock_wallets(ids)
    giver, taker = (states[pk] for pk in ids)
    if giver.id == taker.id:
        raise TransferRefused(reason="self")
    refuse_status(giver.status)
    refuse_status(taker.status)
    return giver, taker


def _refuse_too_much(transfer: PointsTransfer, terms: TransferTerms, now: datetime) -> None:
    """Counted under the sender's lock, so two at once are counted one after the other."""
    zone = ZoneInfo(transfer.programme.time_zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    bounds = (
        ("most_per_day", midnight, terms.most_per_day),
        ("most_per_month", now - MONTH, terms.most_per_month),
    )
    for reason, since, most in bounds:
        given = PointsTransfer.objects.filter(
            sender_id=transfer.sender_id, state=State.DONE, done_at__gte=since
        ).aggregate(n=Sum("points"))["n"]
        left = max(most - (given or 0), 0)
        if transfer.points > left:
            raise TransferRefused(reason=reason, left=left)


def trace(transfer: PointsTransfer, kind: str, reason: str, actor: Actor) -> None:
    told: dict[str, object] = {"points": transfer.points, "fee": transfer.fee}
    told |= {"from": str(transfer.sender.public_id), "to": str(transfer.recipient.public_id)}
    subject: dict[str, Any] = {"object_type": "transfer", "object_id": str(transfer.public_id)}
    outbox.emit(kind, data=told, **subject)
    audit.record(
        action=kind, after=told | {"state": transfer.state}, reason=reason, actor=actor, **subject
    )
