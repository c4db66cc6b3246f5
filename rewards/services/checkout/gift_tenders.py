"""Gift cards among the tenders of a sale: shown, recognised, charged, given back.

A gift card is money, not a discount: it changes no price and no points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from loyalty_crm.kernel.actors import Actor
from members.services.purchases import Recorded, RecordedRefund
from rewards.errors import GiftCardUnknown, HoldResolved
from rewards.models import GiftCard, GiftCardPayment, GiftCardReturn
from rewards.services.checkout.asks import AskedGiftCard, AskedTender, RefundAsk, Sale
from rewards.services.checkout.facts import Facts
from rewards.services.checkout.sold import Sold
from rewards.services.gift_cards import paying
from rewards.services.gift_cards.paying import Charge
from rewards.services.gift_cards.recognising import recognise


class GiftPaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """What one card paid of a sale. ``offer_enrolment``: nobody is known to hold the card."""

    id: UUID
    last4: str
    amount: int
    returned: int = 0
    offer_enrolment: bool = False


class GiftBackView(msgspec.Struct, frozen=True, kw_only=True):
    """What one return owes one card. ``to_card`` false: it is closed, so money is paid out."""

    id: UUID
    last4: str
    amount: int
    to_card: bool = True


def recognised(sale: Sale, *, actor: Actor) -> Sale:
    """The sale with its cards looked up and what was shown forgotten.

    Belongs outside of the transaction, so that wrong PINs count in any case.
    """
    shown = [tender.gift_card for tender in sale.tenders if tender.gift_card]
    if not shown:
        return sale
    cards = iter(recognise(shown, actor=actor))
    tenders = tuple(
        msgspec.structs.replace(tender, gift_card=None, card=next(cards).public_id)
        if tender.gift_card
        else tender
        for tender in sale.tenders
    )
    return msgspec.structs.replace(sale, tenders=tenders)


def cards_of(asked: Sequence[AskedGiftCard], *, actor: Actor) -> list[tuple[GiftCard, int | None]]:
    """The cards of a quote with what is asked of each. Outside of the transaction too."""
    cards = recognise([one.shown for one in asked], actor=actor)
    return [(card, one.amount_minor) for card, one in zip(cards, asked, strict=True)]


def names_gift_holds(facts: Facts, actor: Actor) -> bool:
    """Whether the hold that the sale names keeps money on cards, and for this caller."""
    held = facts.gift_holds or []
    if any(hold.owner != actor.label for hold in held):
        raise HoldResolved(pointer="/hold_id")
    return bool(held)


def charge(
    sale: Sale, facts: Facts, receipt: Recorded, actor: Actor
) -> tuple[GiftPaymentView, ...]:
    """Take the money off the cards. After the member's wallet is locked, before the counters."""
    tenders = [tender for tender in sale.tenders if tender.card]
    held = facts.gift_holds or []
    if not (tenders or held):
        return ()
    charges = [Charge(card, amount) for card, amount in _loaded(tenders)]
    member = facts.member
    paying.charge_cards(
        charges=charges,
        held=held,
        sold=paying.Sold(
            source=f"store:{sale.ask.store}",
            number=sale.number,
            receipt_id=receipt.id,
            member_id=member.id if member else None,
            at=sale.ask.occurred_at,
            is_late=sale.is_late,
        ),
        actor=actor,
    )
    return tuple(_paid(one, known=member is not None) for one in charges)


def _loaded(tenders: Sequence[AskedTender]) -> list[tuple[GiftCard, int]]:
    cards = GiftCard.objects.select_related("wallet__programme").in_bulk(
        [tender.card for tender in tenders], field_name="public_id"
    )
    if len(cards) != len(tenders):
        raise GiftCardUnknown(pointer="/tenders")
    return [(cards[tender.card], tender.amount_minor) for tender in tenders]


def _paid(charge: Charge, *, known: bool) -> GiftPaymentView:
    card = charge.card
    return GiftPaymentView(
        id=card.public_id,
        last4=card.last4,
        amount=charge.amount,
        offer_enrolment=not known and card.holder_id is None,
    )


def give_back(
    sold: Sold, ask: RefundAsk, money: int, recorded: RecordedRefund, actor: Actor
) -> None:
    """Put money of a return back on the cards that paid the sale."""
    if not sold.has_gift_payments:
        return
    assert sold.back_at is not None
    parts = paying.give_back(
        receipt_id=sold.id,
        money=money,
        source=f"store:{sold.back_at.code}",
        number=ask.number,
        at=ask.occurred_at,
        actor=actor,
    )
    GiftCardReturn.objects.bulk_create(
        GiftCardReturn(
            payment=part.payment,
            refund_id=recorded.id,
            tx_id=part.tx_id,
            amount_minor=part.amount,
        )
        for part in parts
    )


def gift_payments_of_receipts() -> ArraySubquery:
    """An annotation of receipts: what cards paid and what went back, for the two below."""
    back = GiftCardReturn.objects.filter(payment=OuterRef("pk")).order_by("pk")
    paid = GiftCardPayment.objects.filter(receipt=OuterRef("pk")).order_by("pk")
    return ArraySubquery(
        paid.values(
            json=JSONObject(
                id="card__public_id",
                last4="card__last4",
                amount="amount_minor",
                returned="returned_minor",
                holder="card__holder_id",
                back=ArraySubquery(
                    back.values(
                        json=JSONObject(refund="refund_id", amount="amount_minor", tx="tx_id")
                    )
                ),
            )
        )
    )


def payment_views(
    rows: Sequence[Mapping[str, Any]], *, is_known: bool
) -> tuple[GiftPaymentView, ...]:
    return tuple(
        GiftPaymentView(
            id=UUID(row["id"]),
            last4=row["last4"],
            amount=row["amount"],
            returned=row["returned"],
            offer_enrolment=not is_known and row["holder"] is None,
        )
        for row in rows
    )


def back_views(rows: Sequence[Mapping[str, Any]], refund_id: int) -> tuple[GiftBackView, ...]:
    return tuple(
        GiftBackView(
            id=UUID(row["id"]),
            last4=row["last4"],
            amount=back["amount"],
            to_card=back["tx"] is not None,
        )
        for row in rows
        for back in row["back"]
        if back["refund"] == refund_id
    )
