"""Blocking, unlocking and closing a gift card."""

from __future__ import annotations

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import GiftCardState
from rewards.models import GiftCard, Hold, Wallet
from rewards.services.ledger import WalletState, lock_wallet, void_hold

State = GiftCard.State


def locked(card: GiftCard, *allowed: GiftCard.State) -> WalletState:
    """The card's wallet under its lock; refused unless the card is in one of the states."""
    wallet = lock_wallet(card.wallet_id)
    refuse_state(card, *allowed)
    return wallet


def refuse_state(card: GiftCard, *allowed: GiftCard.State) -> None:
    """Read what the card is in, under the lock of its wallet, and refuse all but these."""
    card.refresh_from_db(fields=["state", "expires_on", "activated_at"])
    if card.state not in allowed:
        raise GiftCardState(state=card.state)


@transaction.atomic
def block(*, card: GiftCard, reason: str, actor: Actor) -> None:
    """Stop every payment: a chargeback, a theft. What is on the card stays. Locks the wallet.

    What quotes hold is let go of: the sale that comes for it is refused.
    """
    locked(card, State.ACTIVE, State.BLOCKED)
    for hold in Hold.objects.unresolved().filter(wallet=card.wallet_id).order_by("pk"):
        void_hold(hold=hold, reason=reason, actor=actor)
    _go(card, State.BLOCKED, Wallet.Status.FROZEN, reason, actor)


@transaction.atomic
def unblock(*, card: GiftCard, reason: str, actor: Actor) -> None:
    locked(card, State.ACTIVE, State.BLOCKED)
    _go(card, State.ACTIVE, Wallet.Status.ACTIVE, reason, actor)


@transaction.atomic
def deactivate(*, card: GiftCard, reason: str, actor: Actor) -> None:
    """Close an empty card for good. Money on it has to be paid back or moved first."""
    wallet = locked(card, State.PENDING, State.ACTIVE, State.BLOCKED)
    if wallet.posted:
        raise GiftCardState(state=card.state, balance=wallet.posted)
    close(card, reason, actor)


def close(card: GiftCard, reason: str, actor: Actor) -> None:
    """Close a card whose wallet is locked and empty."""
    _go(card, State.DEACTIVATED, Wallet.Status.CLOSED, reason, actor)


@transaction.atomic
def unlock(*, card: GiftCard, reason: str, actor: Actor) -> None:
    """Let PINs be tried again."""
    GiftCard.objects.filter(pk=card.pk).update(pin_failures=0)
    _trace("gift_card.unlocked", card, card.state, reason, actor)


def _go(
    card: GiftCard, to: GiftCard.State, status: Wallet.Status, reason: str, actor: Actor
) -> None:
    if not reason.strip():
        raise ValidationFailed(pointer="/reason")
    before = card.state
    card.state = to
    card.save(update_fields=["state"])
    Wallet.objects.filter(pk=card.wallet_id).update(status=status)
    _trace(f"gift_card.{to.value}", card, before, reason, actor)


def _trace(action: str, card: GiftCard, before: str, reason: str, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="gift_card",
        object_id=str(card.public_id),
        before={"state": before},
        after={"state": card.state},
        reason=reason,
        actor=actor,
    )
