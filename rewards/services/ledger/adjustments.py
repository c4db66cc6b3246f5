"""Corrections by hand."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from rewards.models import LedgerEntry, LedgerTx, Wallet
from rewards.rules.expiry import NEVER
from rewards.services.ledger.locks import lock_wallet
from rewards.services.ledger.refusals import refuse_shortage
from rewards.services.ledger.values import Event
from rewards.services.ledger.writing import draft_for


@transaction.atomic
def adjust(
    *,
    wallet: Wallet,
    points: int,
    reason: str,
    reference: str,
    expires_at: datetime | None = None,
    actor: Actor,
) -> LedgerTx:
    """Add or take points by hand, once per actor and reference; locks the wallet.

    It never creates debt and never takes held points. A repeat returns the
    first transaction; the same reference for another amount or wallet is refused.
    """
    refuse_empty(points, reason)
    source = f"adjustment:{actor.label}"
    state = lock_wallet(wallet.pk)
    if known := LedgerTx.objects.filter(source=source, source_ref=reference, op="adjust").first():
        return refuse_other_content(known, state.id, points)
    if points < 0:
        refuse_shortage(state.available, -points)
    draft = draft_for([state])
    draft.event(Event("adjust", source, reference, clock.now(), actor.label, reason))
    if points < 0:
        draft.lose(state.id, "adjust", -points)
    else:
        draft.gain(state.id, "adjust", [(expires_at or NEVER, points)])
    (tx_id,) = draft.write()
    audit.record(
        action="wallet.adjust",
        object_type="wallet",
        object_id=str(state.public_id),
        before={"balance": state.posted},
        after={"balance": draft.purses[state.id].posted, "tx": tx_id},
        reason=reason,
        actor=actor,
    )
    return LedgerTx.objects.get(pk=tx_id)


def refuse_empty(points: int, reason: str) -> None:
    if not points:
        raise ValidationFailed(_("An adjustment moves at least one point."), pointer="/points")
    if not reason.strip():
        raise ValidationFailed(_("An adjustment needs a reason."), pointer="/reason")


def refuse_other_content(known: LedgerTx, wallet_id: int, points: int) -> LedgerTx:
    if not LedgerEntry.objects.filter(tx=known, wallet_id=wallet_id, amount=points).exists():
        raise SourceRefConflict(source_ref=known.source_ref)
    return known
