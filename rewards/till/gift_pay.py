"""Gift cards on the payment page: shown, held for this basket, taken out again.

What is held stays held for a quarter of an hour; a basket that is forgotten frees it by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import Money
from members.models import Receipt
from members.till.access import Desk
from rewards.errors import GiftCardShortage
from rewards.models import GiftCardPayment, Hold
from rewards.services.checkout.asks import AskedTender
from rewards.services.checkout.pricing import QUOTE_LIVES
from rewards.services.gift_cards import paying
from rewards.services.gift_cards.recognising import MOST_CARDS, ShownGiftCard, recognise
from rewards.services.ledger import void_hold
from rewards.till.basket import TillBasket
from rewards.till.counter import Counter, at_counter

KIND = "gift_card"


class GiftCardForm(forms.Form):
    """What the bearer shows."""

    number = forms.CharField(max_length=64)
    pin = forms.CharField(max_length=12, required=False)


@dataclass(frozen=True, slots=True)
class ShownPayment:
    """A card that pays a part, for the page."""

    card: str
    last4: str
    amount: Money


def shown_payments(counter: Counter) -> list[ShownPayment]:
    return [
        ShownPayment(one["card"], one["last4"], Money(one["amount"], counter.currency))
        for one in counter.basket.gift_cards
    ]


def paid_by_cards(basket: TillBasket) -> int:
    return sum(one["amount"] for one in basket.gift_cards)


def tenders_of(basket: TillBasket) -> tuple[AskedTender, ...]:
    return tuple(
        AskedTender(kind=KIND, amount_minor=one["amount"], card=UUID(one["card"]))
        for one in basket.gift_cards
    )


def hold_of(basket: TillBasket) -> UUID | None:
    return UUID(basket.gift_hold) if basket.gift_cards else None


def let_go(basket: TillBasket, desk: Desk) -> None:
    """Free what the basket holds: its total is another one now, or the hold is over."""
    if basket.gift_cards:
        paying.free_holds(UUID(basket.gift_hold), actor=desk.actor)
    basket.gift_cards, basket.gift_hold = [], ""


@require_POST
@at_counter
def add(counter: Counter) -> HttpResponse:
    """Hold what the card has of the rest. Wrong numbers and PINs are counted."""
    basket, form = counter.basket, GiftCardForm(counter.request.POST)
    rest = _due(counter) - paid_by_cards(basket)
    if not form.is_valid():
        return _back(counter, _("Scan or type the number of the gift card."))
    if rest <= 0 or len(basket.gift_cards) >= MOST_CARDS:
        return _back(counter, _("Nothing is left to pay with another gift card."))
    try:
        _hold(counter, form.cleaned_data, rest)
    except DomainError as refusal:
        return _back(counter, refusal.message)
    basket.keep(counter.request)
    return _back(counter)


def _due(counter: Counter) -> int:
    """The total of the basket as it is now; nothing when it cannot be priced."""
    try:
        return counter.quote(counter.exact_ask()).totals.total.amount
    except DomainError:
        return 0


def _hold(counter: Counter, typed: dict[str, Any], rest: int) -> None:
    basket, actor = counter.basket, counter.desk.actor
    shown = ShownGiftCard(number=typed["number"], pin=typed["pin"])
    (card,) = recognise([shown], actor=actor)
    if any(one["card"] == str(card.public_id) for one in basket.gift_cards):
        return
    handle = UUID(basket.gift_hold) if basket.gift_hold else uuid4()
    with transaction.atomic():
        charges = paying.shares([(card, None)], rest)
        if not charges[0].amount:
            raise GiftCardShortage(available=0, requested=rest)
        paying.hold_cards(charges=charges, handle=handle, ttl=QUOTE_LIVES, actor=actor)
    basket.gift_hold = str(handle)
    basket.gift_cards.append(
        {"card": str(card.public_id), "last4": card.last4, "amount": charges[0].amount}
    )


@require_POST
@at_counter
def remove(counter: Counter) -> HttpResponse:
    """Let go of one card. Twice is the same as once."""
    basket, wanted = counter.basket, counter.request.POST.get("card", "")
    if any(one["card"] == wanted for one in basket.gift_cards):
        held = Hold.objects.unresolved().filter(
            tx__source=paying.hold_source(UUID(basket.gift_hold)), tx__source_ref=wanted
        )
        for hold in held:
            void_hold(hold=hold, actor=counter.desk.actor)
        basket.gift_cards = [one for one in basket.gift_cards if one["card"] != wanted]
        basket.keep(counter.request)
    return _back(counter)


def _back(counter: Counter, problem: str = "") -> HttpResponse:
    counter.request.session["till_gift_problem"] = problem
    return redirect("till:pay")


def paid_with(receipt: Receipt) -> list[dict[str, Any]]:
    """What cards paid of a receipt, and whether its bearer may be asked to join."""
    paid = GiftCardPayment.objects.filter(receipt=receipt).select_related("card__wallet")
    return [
        {
            "last4": one.card.last4,
            "amount": Money(one.amount_minor, receipt.currency),
            "left": Money(one.card.wallet.posted, receipt.currency),
            "offer": receipt.member_id is None and one.card.holder_id is None,
        }
        for one in paid.order_by("id")
    ]
