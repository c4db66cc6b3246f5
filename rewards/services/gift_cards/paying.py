"""Gift cards that pay a sale of ours: held by the quote, captured by the sale, given back.

Their wallets are locked after the member's own, in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import (
    CaptureExceedsHold,
    GiftCardShortage,
    GiftCardState,
    HoldExpired,
    HoldResolved,
)
from rewards.models import GiftCard, GiftCardPayment, Hold
from rewards.rules.expiry import NEVER
from rewards.services.gift_cards.moving import refuse_expired
from rewards.services.gift_cards.states import State, refuse_state
from rewards.services.ledger import Event, WalletState, lock_wallets, place_hold
from rewards.services.ledger.holds import hold_state, void_hold
from rewards.services.ledger.writing import Draft, draft_for


class GiftHold(msgspec.Struct, frozen=True):
    """Money on one card that a quote set aside. ``owner`` is the label of who asked for it."""

    id: int
    wallet_id: int
    amount: int
    owner: str


@dataclass(frozen=True, slots=True)
class Charge:
    """So much of one card pays a sale."""

    card: GiftCard
    amount: int


@dataclass(frozen=True, slots=True)
class Sold:
    """The sale that is paid: whose document, which receipt, for whom."""

    source: str
    number: str
    receipt_id: int
    member_id: int | None
    at: datetime
    #: It happened already: a hold that is over is charged afresh when the money is there.
    is_late: bool = False


def hold_source(handle: UUID) -> str:
    """How the holds of one quote are found: all under the quote's own handle."""
    return f"gift-quote:{handle}"


def refuse_unusable(card: GiftCard, pointer: str = "/gift_cards") -> None:
    """Refuse a card that is not active, or past its last day."""
    if card.state != State.ACTIVE:
        raise GiftCardState(pointer=pointer, state=card.state)
    refuse_expired(card)


@transaction.atomic
def hold_cards(
    *, charges: Sequence[Charge], handle: UUID, ttl: timedelta, actor: Actor
) -> list[Hold]:
    """Set the money aside, all cards or none. The same handle again answers with the same holds.

    Locks the wallets of the cards.
    """
    lock_wallets(charge.card.wallet_id for charge in charges)
    return [_held(charge, handle, ttl, actor) for charge in charges]


def _held(charge: Charge, handle: UUID, ttl: timedelta, actor: Actor) -> Hold:
    card = charge.card
    refuse_state(card, State.ACTIVE)
    refuse_expired(card)
    return place_hold(
        wallet=card.wallet,
        amount=charge.amount,
        ttl=ttl,
        source=hold_source(handle),
        source_ref=str(card.public_id),
        actor=actor,
    )


def holds_of(handle: UUID) -> list[GiftHold]:
    """What is still held under the handle."""
    known = Hold.objects.unresolved().filter(tx__source=hold_source(handle)).order_by("wallet_id")
    return [GiftHold(*row) for row in known.values_list("pk", "wallet_id", "amount", "tx__actor")]


def free_holds(handle: UUID, *, reason: str = "", actor: Actor) -> int:
    """Let go of everything under the handle; how many holds that were."""
    held = holds_of(handle)
    for hold in Hold.objects.filter(pk__in=[one.id for one in held]).order_by("wallet_id"):
        void_hold(hold=hold, reason=reason, actor=actor)
    return len(held)


def charge_cards(
    *, charges: Sequence[Charge], held: Sequence[GiftHold], sold: Sold, actor: Actor
) -> None:
    """Take the money of a sale from its cards, and let go of what is held beyond.

    Belongs inside the sale's transaction, after the member's wallet is locked;
    locks the wallets of the cards. A card that is held gives no more than that.
    The receipt's number makes it happen once.
    """
    if any(hold.owner != actor.label for hold in held):
        raise HoldResolved(pointer="/hold_id")
    wallets = lock_wallets(
        [*(charge.card.wallet_id for charge in charges), *(hold.wallet_id for hold in held)]
    )
    draft, of_wallet = draft_for(list(wallets.values())), {hold.wallet_id: hold for hold in held}
    for position, charge in enumerate(charges):
        hold = of_wallet.pop(charge.card.wallet_id, None)
        _charge(draft, wallets[charge.card.wallet_id], charge, hold, sold, position, actor)
    for hold in of_wallet.values():
        _let_go(draft, hold, sold, actor)
    ids = draft.write()
    _record(charges, ids, sold)
    _link([charge.card for charge in charges], sold)


def _charge(
    draft: Draft,
    wallet: WalletState,
    charge: Charge,
    hold: GiftHold | None,
    sold: Sold,
    position: int,
    actor: Actor,
) -> None:
    refuse_state(charge.card, State.ACTIVE)
    if hold is None or sold.is_late:
        refuse_expired(charge.card)
    number = f"{sold.number}#{position + 1}" if position else sold.number
    draft.event(Event("gift_pay", sold.source, number, sold.at, actor.label))
    free = wallet.available + (_capture(draft, hold, charge, sold) if hold else 0)
    if charge.amount > free:
        raise GiftCardShortage(pointer="/tenders", available=free, requested=charge.amount)
    draft.lose(wallet.id, "redeem", charge.amount)


def _capture(draft: Draft, hold: GiftHold, charge: Charge, sold: Sold) -> int:
    """End the hold by this charge; how much of what was held is for it."""
    found = hold_state(Hold(pk=hold.id))
    if (found.outcome or found.is_late) and not sold.is_late:
        raise HoldExpired(pointer="/hold_id") if found.is_late else HoldResolved(pointer="/hold_id")
    if charge.amount > found.amount and not sold.is_late:
        raise CaptureExceedsHold(pointer="/tenders", held=found.amount, requested=charge.amount)
    if found.outcome:
        return 0
    if found.is_late or charge.amount > found.amount:
        draft.resolve(hold.id, "expired" if found.is_late else "voided")
    else:
        draft.resolve(hold.id, "captured", charge.amount)
    return found.amount


def _let_go(draft: Draft, hold: GiftHold, sold: Sold, actor: Actor) -> None:
    found = hold_state(Hold(pk=hold.id))
    if found.outcome:
        return
    draft.event(Event("void", "gift-hold", str(hold.id), clock.now(), actor.label))
    draft.resolve(hold.id, "expired" if found.is_late else "voided")


def _record(charges: Sequence[Charge], ids: Sequence[int], sold: Sold) -> None:
    GiftCardPayment.objects.bulk_create(
        GiftCardPayment(
            receipt_id=sold.receipt_id,
            card=charge.card,
            tx_id=tx_id,
            amount_minor=charge.amount,
            occurred_at=sold.at,
        )
        for charge, tx_id in zip(charges, ids, strict=False)
    )


def _link(cards: Sequence[GiftCard], sold: Sold) -> None:
    """Who pays with a card first is its holder from then on."""
    if sold.member_id is None:
        return
    for card in cards:
        free = GiftCard.objects.filter(pk=card.pk, holder=None)
        if free.update(holder_id=sold.member_id, linked_at=sold.at):
            outbox.emit(
                "gift_card.linked",
                object_type="gift_card",
                object_id=str(card.public_id),
                data={"receipt": sold.receipt_id},
            )


# Goods that come back


@dataclass(frozen=True, slots=True)
class Returned:
    """What one return puts back on one card; without ``tx_id`` the card is closed for good."""

    payment: GiftCardPayment
    amount: int
    tx_id: int | None


def give_back(
    *, receipt_id: int, money: int, source: str, number: str, at: datetime, actor: Actor
) -> list[Returned]:
    """Put up to ``money`` of a sale back on the cards that paid it, the last card first.

    Cards come before other money, so that a return never turns them into cash.
    Past its last day a card takes money back all the same. A blocked one refuses
    the whole return; the part of one that was closed is paid out like money.
    Belongs inside the return's transaction; locks the wallets of the cards.
    """
    paid = list(
        GiftCardPayment.objects.filter(receipt=receipt_id)
        .select_related("card__wallet__programme")
        .order_by("-id")
    )
    parts = list(_parts(paid, money))
    if not parts:
        return []
    wallets = lock_wallets(payment.card.wallet_id for payment, _ in parts)
    draft, done = draft_for(list(wallets.values())), []
    for position, (payment, amount) in enumerate(parts):
        if not _takes_money(payment.card):
            done.append((payment, amount, False))
            continue
        ref = f"{number}#{position + 1}" if position else number
        draft.event(Event("gift_return", source, ref, at, actor.label, reverses=payment.tx_id))
        draft.gain(wallets[payment.card.wallet_id].id, "restore", [(NEVER, amount)])
        done.append((payment, amount, True))
    ids = iter(draft.write())
    return [
        _counted(payment, amount, next(ids) if goes else None) for payment, amount, goes in done
    ]


def _parts(paid: Sequence[GiftCardPayment], money: int) -> list[tuple[GiftCardPayment, int]]:
    parts = []
    for payment in paid:
        if part := min(payment.amount_minor - payment.returned_minor, money):
            parts.append((payment, part))
            money -= part
    return parts


def _takes_money(card: GiftCard) -> bool:
    card.refresh_from_db(fields=["state"])
    if card.state == State.BLOCKED:
        raise GiftCardState(pointer="/", state=card.state, last4=card.last4)
    return card.state == State.ACTIVE


def _counted(payment: GiftCardPayment, amount: int, tx_id: int | None) -> Returned:
    GiftCardPayment.objects.filter(pk=payment.pk).update(
        returned_minor=F("returned_minor") + amount
    )
    return Returned(payment, amount, tx_id)


def shares(cards: Sequence[tuple[GiftCard, int | None]], total: int) -> list[Charge]:
    """What each card pays of a total: what was asked of it, or as much as it can, in order.

    An amount that a card does not have, or that nobody owes, is refused.
    """
    charges = []
    for position, (card, asked) in enumerate(cards):
        pointer = f"/gift_cards/{position}"
        refuse_unusable(card, pointer)
        free = card.wallet.available
        amount = min(free, total) if asked is None else asked
        if amount > free:
            raise GiftCardShortage(pointer=pointer, available=free, requested=amount)
        if amount > total:
            raise ValidationFailed(pointer=f"{pointer}/amount")
        charges.append(Charge(card, amount))
        total -= amount
    return charges
