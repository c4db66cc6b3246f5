"""A transfer taken back by staff: the same lots go home, the fee too."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import WalletMerged
from rewards.models import LotMove, PointsTransfer
from rewards.rules.purse import Move
from rewards.services.ledger import Event, lock_wallets, wallet_for
from rewards.services.ledger.refusals import refuse_shortage
from rewards.services.ledger.writing import draft_for
from rewards.services.transfers.confirming import locked
from rewards.services.transfers.giving import trace

State = PointsTransfer.State


@transaction.atomic
def reverse(
    *, transfer: PointsTransfer, reason: str, now: datetime, actor: Actor
) -> PointsTransfer:
    """Take a transfer back, once. Refused when the recipient has not so many points left.

    The transfer's row is locked first, then both wallets. What was in lots that have
    expired meanwhile goes back to them and lapses with the next night.
    """
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    held = locked(transfer, State.DONE)
    ids = [wallet_for(pk, held.programme).pk for pk in (held.sender_id, held.recipient_id)]
    states = lock_wallets(ids)
    giver, taker = (states[pk] for pk in ids)
    if giver.id == taker.id:
        raise WalletMerged(survivor=str(giver.public_id))
    refuse_shortage(taker.available, held.points)
    sent, fee = parts_of(held)
    draft = draft_for([giver, taker])
    draft.event(
        Event(
            "transfer_back",
            "transfer",
            str(held.public_id),
            now,
            actor.label,
            reason,
            reverses=held.tx_id,
        )
    )
    for expiry, amount in sent:
        draft.lose(taker.id, "clearing", amount, first=expiry)
    draft.gain(giver.id, "clearing", sent)
    draft.gain(giver.id, "adjust", fee)
    (held.reversal_tx_id,) = draft.write()
    held.state, held.reason = State.REVERSED, reason[:300]
    held.save(update_fields=["state", "reason", "reversal_tx"])
    trace(held, "points.transfer_reversed", reason, actor)
    return held


def parts_of(transfer: PointsTransfer) -> tuple[list[Move], list[Move]]:
    """From which lots the points came, and from which the fee."""
    assert transfer.tx is not None
    entries = transfer.tx.entries.filter(amount__lt=0)
    sent: list[Move] = []
    fee: list[Move] = []
    for entry in entries:
        moves = LotMove.objects.filter(wallet_id=entry.wallet_id, seq=entry.seq)
        into = sent if entry.kind == "clearing" else fee
        into += [
            (expiry, -amount) for expiry, amount in moves.values_list("lot__expires_at", "amount")
        ]
    return sent, fee
