"""Freezing and reading wallets; ``rewards.services.ledger`` moves what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Receipt
from rewards.models import LedgerEntry, Purchase, PurchaseRefund, Wallet
from rewards.services.ledger.locks import lock_wallet
from rewards.services.ledger.refusals import refuse_status


def freeze_wallet(*, wallet: Wallet, reason: str, actor: Actor) -> None:
    """Stop earning and spending; corrections stay possible. A frozen wallet stays frozen."""
    _set_status(wallet, Wallet.Status.FROZEN, reason, actor)


def unfreeze_wallet(*, wallet: Wallet, reason: str, actor: Actor) -> None:
    _set_status(wallet, Wallet.Status.ACTIVE, reason, actor)


@transaction.atomic
def _set_status(wallet: Wallet, status: Wallet.Status, reason: str, actor: Actor) -> None:
    if not reason.strip():
        raise ValidationFailed(_("A reason is needed."), pointer="/reason")
    state = lock_wallet(wallet.pk)
    if state.status not in (Wallet.Status.ACTIVE, Wallet.Status.FROZEN):
        refuse_status(state.status)
    Wallet.objects.filter(pk=state.id).update(status=status)
    audit.record(
        action="wallet.freeze" if status == Wallet.Status.FROZEN else "wallet.unfreeze",
        object_type="wallet",
        object_id=str(state.public_id),
        before={"status": state.status},
        after={"status": status},
        reason=reason,
        actor=actor,
    )


def balance_recorded_by(wallet: Wallet, moment: datetime) -> int:
    """What our books said at the moment."""
    known = wallet.entries.filter(recorded_at__lte=moment).order_by("-seq")
    return known.values_list("balance_after", flat=True).first() or 0


def balance_effective_at(wallet: Wallet, moment: datetime) -> int:
    """What had happened by the moment, whenever we learned of it."""
    happened = LedgerEntry.objects.filter(wallet=wallet, tx__effective_at__lte=moment)
    return happened.aggregate(total=Sum("amount"))["total"] or 0


def receipts_of(tx_ids: Sequence[int], actor: Actor) -> dict[int, Receipt]:
    """The receipts behind transactions, of stores that the actor may see. Three queries."""
    sales = Purchase.objects.filter(Q(tx__in=tx_ids) | Q(redeem_tx__in=tx_ids))
    behind = {tx: pk for pk, *txs in sales.values_list("pk", "tx", "redeem_tx") for tx in txs if tx}
    returns = PurchaseRefund.objects.filter(tx__in=tx_ids)
    behind |= dict(returns.values_list("tx", "refund__receipt"))
    visible = Receipt.objects.visible_to(actor).select_related("store")
    receipts = visible.in_bulk(set(behind.values()))
    return {tx: receipts[pk] for tx, pk in behind.items() if pk in receipts}
