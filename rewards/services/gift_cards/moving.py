"""Money onto a gift card and off it. Every move names its document and happens once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Sum

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict
from rewards.errors import (
    GiftCardExpired,
    GiftCardShortage,
    GiftCardState,
    GiftPaymentUnknown,
)
from rewards.models import GiftCard, LedgerEntry, LedgerTx
from rewards.rules.expiry import NEVER
from rewards.services.gift_cards.states import State, close, refuse_state
from rewards.services.ledger import Event, WalletState, lock_wallet, lock_wallets
from rewards.services.ledger.writing import Draft, draft_for


@dataclass(frozen=True, slots=True)
class Moved:
    """``amount`` went on (+) or off (-) the card, in minor units. ``is_repeat``: once before."""

    tx_id: int
    amount: int
    balance: int
    is_repeat: bool = False


@transaction.atomic
def activate(*, card: GiftCard, amount: int, source_ref: str, actor: Actor) -> Moved:
    """The card was sold: it is worth ``amount`` from now on. Locks the wallet.

    The same document again answers with the first sale; another one is refused.
    """
    wallet = lock_wallet(card.wallet_id)
    if known := _known(card, "activate", source_ref, actor, amount):
        return known
    refuse_state(card, State.PENDING)
    card.state, card.activated_at = State.ACTIVE, clock.now()
    card.save(update_fields=["state", "activated_at"])
    return _gain(wallet, "load", amount, _event("activate", source_ref, actor))


@transaction.atomic
def load(*, card: GiftCard, amount: int, source_ref: str, actor: Actor) -> Moved:
    """More money was paid onto a card that is in use."""
    wallet = lock_wallet(card.wallet_id)
    if known := _known(card, "load", source_ref, actor, amount):
        return known
    refuse_state(card, State.ACTIVE)
    refuse_expired(card)
    return _gain(wallet, "load", amount, _event("load", source_ref, actor))


@transaction.atomic
def redeem(
    *, card: GiftCard, amount: int, source_ref: str, partly: bool = False, actor: Actor
) -> Moved:
    """Pay with the card; with ``partly`` what it has if that is less. Locks the wallet."""
    wallet = lock_wallet(card.wallet_id)
    if known := _known(card, "redeem", source_ref, actor, None if partly else -amount):
        return known
    refuse_state(card, State.ACTIVE)
    refuse_expired(card)
    paid = min(amount, wallet.available) if partly else amount
    if paid > wallet.available or not paid:
        raise GiftCardShortage(available=wallet.available, requested=amount)
    return _lose(wallet, "redeem", paid, _event("redeem", source_ref, actor))


@transaction.atomic
def restore(
    *, card: GiftCard, payment_ref: str, amount: int | None, source_ref: str, actor: Actor
) -> Moved:
    """Goods paid with the card came back: the money returns to the card, expired or not.

    ``amount`` None: all that is left of the payment. Never more than was paid.
    """
    wallet = lock_wallet(card.wallet_id)
    if known := _known(card, "restore", source_ref, actor, amount):
        return known
    refuse_state(card, State.ACTIVE)
    payment = _document(card, "redeem", payment_ref, actor)
    left = -_sum(payment, "redeem") - _taken_back(payment, "restore")
    back = left if amount is None else amount
    if back > left or not back:
        raise GiftCardShortage(available=left, requested=back)
    event = _event("restore", source_ref, actor, reverses=payment.pk)
    return _gain(wallet, "restore", back, event)


@transaction.atomic
def pay_back_sale(
    *, card: GiftCard, sale_ref: str, source_ref: str, dry_run: bool = False, actor: Actor
) -> Moved:
    """The buyer returns the card: what is unspent of that sale leaves it, to be paid in money.

    What was spent is not paid back. The card closes when nothing is left on it.
    With ``dry_run`` nothing moves and ``tx_id`` is 0.
    """
    wallet = lock_wallet(card.wallet_id)
    if known := _known(card, "pay_back", source_ref, actor, None):
        return known
    refuse_state(card, State.ACTIVE)
    sale = _document(card, None, sale_ref, actor)
    unspent = min(_sum(sale, "load") - _taken_back(sale, "unload"), wallet.available)
    if dry_run:
        return Moved(0, -unspent, wallet.posted - unspent)
    if not unspent:
        raise GiftCardShortage(available=0, requested=_sum(sale, "load"))
    event = _event("pay_back", source_ref, actor, reverses=sale.pk)
    moved = _lose(wallet, "unload", unspent, event)
    if not moved.balance:
        close(card, f"{sale_ref} ↩ {source_ref}", actor)
    return moved


def unload(
    *,
    card: GiftCard,
    wallet: WalletState,
    source_ref: str,
    refuse: Callable[[], None],
    actor: Actor,
) -> Moved:
    """Take all that is on a card off it, to be paid out, and close the card.

    The caller has locked the wallet; ``refuse`` is asked unless the document is known.
    """
    if known := _known(card, "cash_out", source_ref, actor, None):
        return known
    refuse()
    moved = _lose(wallet, "unload", wallet.posted, _event("cash_out", source_ref, actor))
    close(card, source_ref, actor)
    return moved


@transaction.atomic
def transfer(*, card: GiftCard, to: GiftCard, source_ref: str, actor: Actor) -> Moved:
    """All that is free on one card moves to another, and the first one closes. Locks both."""
    if card.pk == to.pk:
        raise GiftCardState(pointer="/to", state=to.state)
    wallets = lock_wallets([card.wallet_id, to.wallet_id])
    giver, taker = wallets[card.wallet_id], wallets[to.wallet_id]
    if known := _known(card, "transfer", source_ref, actor, None):
        return known
    refuse_state(card, State.ACTIVE)
    refuse_state(to, State.ACTIVE)
    if not giver.available or giver.held or giver.unit != taker.unit:
        raise GiftCardShortage(available=giver.available, requested=giver.posted)
    refuse_expired(card)
    draft = draft_for(list(wallets.values()))
    draft.event(_event("transfer", source_ref, actor))
    draft.lose(giver.id, "clearing", giver.posted)
    draft.gain(taker.id, "clearing", [(NEVER, giver.posted)])
    (tx_id,) = draft.write()
    close(card, f"→ …{to.last4}", actor)
    return Moved(tx_id, -giver.posted, 0)


def _event(op: str, source_ref: str, actor: Actor, reverses: int | None = None) -> Event:
    return Event(op, _source(actor), source_ref, clock.now(), actor.label, reverses=reverses)


def _source(actor: Actor) -> str:
    """References are an integration's own: two tills' numbers never meet."""
    return f"gift:{actor.id}"


def _gain(wallet: WalletState, kind: str, amount: int, event: Event) -> Moved:
    draft = draft_for([wallet])
    draft.event(event)
    draft.gain(wallet.id, kind, [(NEVER, amount)])
    return _written(draft, wallet, amount)


def _lose(wallet: WalletState, kind: str, amount: int, event: Event) -> Moved:
    draft = draft_for([wallet])
    draft.event(event)
    draft.lose(wallet.id, kind, amount)
    return _written(draft, wallet, -amount)


def _written(draft: Draft, wallet: WalletState, amount: int) -> Moved:
    (tx_id,) = draft.write()
    return Moved(tx_id, amount, wallet.posted + amount)


def _known(
    card: GiftCard, op: str, source_ref: str, actor: Actor, amount: int | None
) -> Moved | None:
    """What the document did before; refused when it was about another card or amount."""
    entries = LedgerEntry.objects.filter(
        tx__op=op, tx__source=_source(actor), tx__source_ref=source_ref
    )
    moved = {entry.wallet_id: entry for entry in entries}
    if not moved:
        return None
    mine = moved.get(card.wallet_id)
    if mine is None or amount not in (None, mine.amount):
        raise SourceRefConflict(source_ref=source_ref)
    return Moved(mine.tx_id, mine.amount, mine.balance_after, is_repeat=True)


def _document(card: GiftCard, op: str | None, source_ref: str, actor: Actor) -> LedgerTx:
    """The payment, or with no ``op`` the sale or load, that the reference names."""
    ops = [op] if op else ["activate", "load"]
    found = LedgerTx.objects.filter(
        op__in=ops,
        source=_source(actor),
        source_ref=source_ref,
        entries__wallet=card.wallet_id,
    ).first()
    if found is None:
        raise GiftPaymentUnknown
    return found


def _sum(tx: LedgerTx, kind: str) -> int:
    total: int | None = tx.entries.filter(kind=kind).aggregate(n=Sum("amount"))["n"]
    return total or 0


def _taken_back(tx: LedgerTx, kind: str) -> int:
    """What later documents took back of this one, as a positive amount."""
    entries = LedgerEntry.objects.filter(tx__reverses=tx, kind=kind)
    total: int | None = entries.aggregate(n=Sum("amount"))["n"]
    return abs(total or 0)


def refuse_expired(card: GiftCard) -> None:
    """Past its last day a card buys nothing."""
    if card.expires_on and card.expires_on < _today(card):
        raise GiftCardExpired(expired_on=card.expires_on.isoformat())


def _today(card: GiftCard) -> date:
    return clock.now().astimezone(ZoneInfo(card.wallet.programme.time_zone)).date()
