"""Gift cards over the API: sell, load, pay, give back. Numbers never stand in an address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel import throttle, wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body, MoneyBody
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.money import Money
from rewards.errors import CurrencyMismatch
from rewards.models import GiftCard, LedgerEntry
from rewards.services import gift_cards
from rewards.services.gift_cards.issuing import MOST_AT_ONCE
from rewards.services.programmes import default_programme

Reference = Annotated[str, Meta(min_length=1, max_length=120)]
Reason = Annotated[str, Meta(min_length=1, max_length=300)]
Number = Annotated[str, Meta(min_length=8, max_length=64)]
Pin = Annotated[str, Meta(max_length=12)]


class IssueBody(Body, kw_only=True):
    """``count`` new cards, or one for each of ``numbers`` that were printed elsewhere."""

    count: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE)] = 1
    numbers: Annotated[list[Number], Meta(max_length=MOST_AT_ONCE)] = []
    with_pin: bool = True
    expires_on: date | None = None


class LookupBody(Body, kw_only=True):
    number: Number
    pin: Pin = ""


class PaidBody(Body, kw_only=True):
    """``source_ref`` is the document: the receipt on which the card was sold or loaded."""

    amount: MoneyBody
    source_ref: Reference


class RedeemBody(Body, kw_only=True):
    """``partly``: take what there is when it is less, the rest is paid otherwise."""

    amount: MoneyBody
    source_ref: Reference
    pin: Pin = ""
    partly: bool = False


class RestoreBody(Body, kw_only=True):
    """``payment_ref`` names the payment; without an amount all that is left of it comes back."""

    payment_ref: Reference
    source_ref: Reference
    amount: MoneyBody | None = None


class PayBackBody(Body, kw_only=True):
    """``sale_ref`` names the sale or load that is returned; ``dry_run`` only tells."""

    sale_ref: Reference
    source_ref: Reference
    dry_run: bool = False


class TransferBody(Body, kw_only=True):
    to: UUID
    source_ref: Reference


class CashOutBody(Body, kw_only=True):
    """``source_ref`` is the document of the payment."""

    source_ref: Reference


class ReasonBody(Body, kw_only=True):
    reason: Reason


class GiftCardOut(msgspec.Struct, kw_only=True):
    """Of the number only the last four characters are shown."""

    id: UUID
    last4: str
    state: str
    balance: dict[str, Any]
    available: dict[str, Any]
    expires_on: date | None
    has_pin: bool
    is_locked: bool
    activated_at: datetime | None
    created_at: datetime


class IssuedOut(msgspec.Struct, kw_only=True):
    data: list[GiftCardOut]


class RevealedOut(msgspec.Struct, kw_only=True):
    number: str
    pin: str


class MovedOut(msgspec.Struct, kw_only=True):
    """``amount`` went onto the card, or with a minus off it."""

    amount: dict[str, Any]
    card: GiftCardOut
    duplicate_of_existing: bool = False


class ActivityOut(msgspec.Struct, kw_only=True):
    op: str
    amount: dict[str, Any]
    balance_after: dict[str, Any]
    source_ref: str
    recorded_at: datetime


class ActivitiesOut(msgspec.Struct, kw_only=True):
    """The newest first, at most 200."""

    data: list[ActivityOut]


def card_out(card: GiftCard) -> GiftCardOut:
    wallet = card.wallet
    return GiftCardOut(
        id=card.public_id,
        last4=card.last4,
        state=card.state,
        balance=Money(wallet.posted, card.currency).wire(),
        available=Money(wallet.available, card.currency).wire(),
        expires_on=card.expires_on,
        has_pin=card.has_pin,
        is_locked=card.is_locked,
        activated_at=card.activated_at,
        created_at=card.created_at,
    )


@extend_schema(tags=["gift cards"])
class GiftCardViewSet(IdempotentMixin, ViewSet):
    """Money paid in advance. A card is worth nothing until its sale activates it."""

    scopes = (
        dict.fromkeys(("redeem", "restore"), "gift:redeem")
        | dict.fromkeys(("lookup", "retrieve", "activities"), "gift:redeem")
        | dict.fromkeys(
            ("create", "reveal", "activate", "load", "pay_back", "transfer", "cash_out"),
            "gift:activate",
        )
        | dict.fromkeys(("block", "unblock", "deactivate"), "gift:activate")
    )

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    @property
    def card(self) -> GiftCard:
        return gift_cards.find(self.kwargs["id"])

    @extend_schema(request=json_body(IssueBody), responses={201: schema_of(IssuedOut)})
    def create(self, request: Request) -> HttpResponse:
        """Make cards, worth nothing yet. ``reveal`` tells the number and the PIN of each."""
        asked = decode_request(request, IssueBody)

        def work() -> tuple[int, object]:
            made = gift_cards.issue(
                programme=default_programme(),
                count=asked.count,
                numbers=asked.numbers,
                with_pin=asked.with_pin,
                expires_on=asked.expires_on,
                actor=self.actor,
            )
            known = GiftCard.objects.select_related("wallet").order_by("pk")
            cards = known.filter(pk__in=[card.pk for card in made])
            return 201, IssuedOut(data=[card_out(card) for card in cards])

        return self.once(request, operation="gift_cards.create", validated=asked, work=work)

    @extend_schema(responses={200: schema_of(GiftCardOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A card and its balance."""
        return _answer(card_out(self.card))

    @extend_schema(request=json_body(LookupBody), responses={200: schema_of(GiftCardOut)})
    def lookup(self, request: Request) -> HttpResponse:
        """The card behind a number and its PIN. A wrong number and a wrong PIN look alike."""
        asked = decode_request(request, LookupBody)
        with throttle.guarded("gift_cards", actor=self.actor) as guesses:
            guesses.wrong = 1
            card = gift_cards.by_number(asked.number)
            gift_cards.check_pin(card, asked.pin)
            guesses.wrong = 0
        gift_cards.count_check(card)
        return _answer(card_out(card))

    @extend_schema(request=None, responses={200: schema_of(RevealedOut)})
    def reveal(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Number and PIN of a card that is not sold yet, to print or send. Each look is kept."""
        shown = gift_cards.revealed(card=self.card, actor=self.actor)
        return _answer(RevealedOut(number=shown.number, pin=shown.pin))

    @extend_schema(responses={200: schema_of(ActivitiesOut)})
    def activities(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """What happened to the card, the newest first."""
        card = self.card
        entries = card.wallet.entries.select_related("tx").order_by("-seq")[:200]
        return _answer(ActivitiesOut(data=[activity_out(entry, card) for entry in entries]))

    @extend_schema(request=json_body(PaidBody), responses={200: schema_of(MovedOut)})
    def activate(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The card was sold for this amount."""
        asked = decode_request(request, PaidBody)
        return self._move(request, asked, lambda: self._paid(gift_cards.activate, asked))

    @extend_schema(request=json_body(PaidBody), responses={200: schema_of(MovedOut)})
    def load(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """More money was paid onto the card."""
        asked = decode_request(request, PaidBody)
        return self._move(request, asked, lambda: self._paid(gift_cards.load, asked))

    @extend_schema(request=json_body(RedeemBody), responses={200: schema_of(MovedOut)})
    def redeem(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Pay with the card. A card with a PIN wants it; five wrong ones lock the card."""
        asked = decode_request(request, RedeemBody)
        gift_cards.check_pin(self.card, asked.pin)
        return self._move(
            request,
            asked,
            lambda: gift_cards.redeem(
                card=self.card,
                amount=self._minor(asked.amount),
                source_ref=asked.source_ref,
                partly=asked.partly,
                actor=self.actor,
            ),
        )

    @extend_schema(request=json_body(RestoreBody), responses={200: schema_of(MovedOut)})
    def restore(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Goods came back: the payment, or a part of it, returns to the card."""
        asked = decode_request(request, RestoreBody)
        return self._move(
            request,
            asked,
            lambda: gift_cards.restore(
                card=self.card,
                payment_ref=asked.payment_ref,
                amount=self._minor(asked.amount) if asked.amount else None,
                source_ref=asked.source_ref,
                actor=self.actor,
            ),
        )

    @extend_schema(request=json_body(PayBackBody), responses={200: schema_of(MovedOut)})
    def pay_back(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The card itself is returned: what is unspent of its sale leaves it, to be paid out."""
        asked = decode_request(request, PayBackBody)
        return self._move(
            request,
            asked,
            lambda: gift_cards.pay_back_sale(
                card=self.card,
                sale_ref=asked.sale_ref,
                source_ref=asked.source_ref,
                dry_run=asked.dry_run,
                actor=self.actor,
            ),
        )

    @extend_schema(request=json_body(CashOutBody), responses={200: schema_of(MovedOut)})
    def cash_out(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A small rest is paid out in cash, as the terms allow; the card closes."""
        asked = decode_request(request, CashOutBody)
        return self._move(
            request,
            asked,
            lambda: gift_cards.cash_out(
                card=self.card, source_ref=asked.source_ref, actor=self.actor
            ),
        )

    @extend_schema(request=json_body(TransferBody), responses={200: schema_of(MovedOut)})
    def transfer(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Everything moves to another card, this one closes."""
        asked = decode_request(request, TransferBody)
        return self._move(
            request,
            asked,
            lambda: gift_cards.transfer(
                card=self.card,
                to=gift_cards.find(asked.to),
                source_ref=asked.source_ref,
                actor=self.actor,
            ),
        )

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(GiftCardOut)})
    def block(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Stop all payments, for instance after a chargeback."""
        return self._change(request, gift_cards.block)

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(GiftCardOut)})
    def unblock(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Let the card be used again."""
        return self._change(request, gift_cards.unblock)

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(GiftCardOut)})
    def deactivate(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Close an empty card for good."""
        return self._change(request, gift_cards.deactivate)

    def _paid(self, service: Callable[..., gift_cards.Moved], asked: PaidBody) -> gift_cards.Moved:
        return service(
            card=self.card,
            amount=self._minor(asked.amount),
            source_ref=asked.source_ref,
            actor=self.actor,
        )

    def _minor(self, money: MoneyBody) -> int:
        currency = self.card.currency
        if money.currency != currency:
            raise CurrencyMismatch(pointer="/amount/currency", expected=currency)
        if money.amount <= 0:
            raise ValidationFailed(pointer="/amount/amount")
        return money.amount

    def _move(
        self, request: Request, asked: object, move: Callable[[], gift_cards.Moved]
    ) -> HttpResponse:
        def work() -> tuple[int, object]:
            moved = move()
            card = self.card
            return 200, MovedOut(
                amount=Money(moved.amount, card.currency).wire(),
                card=card_out(card),
                duplicate_of_existing=moved.is_repeat,
            )

        return self.once(request, operation=f"gift_cards.{self.action}", validated=asked, work=work)

    def _change(self, request: Request, service: Callable[..., None]) -> HttpResponse:
        asked = decode_request(request, ReasonBody)

        def work() -> tuple[int, object]:
            service(card=self.card, reason=asked.reason, actor=self.actor)
            return 200, card_out(self.card)

        return self.once(request, operation=f"gift_cards.{self.action}", validated=asked, work=work)


def activity_out(entry: LedgerEntry, card: GiftCard) -> ActivityOut:
    return ActivityOut(
        op=entry.tx.op,
        amount=Money(entry.amount, card.currency).wire(),
        balance_after=Money(entry.balance_after, card.currency).wire(),
        source_ref=entry.tx.source_ref,
        recorded_at=entry.recorded_at,
    )


def _answer(body: object) -> HttpResponse:
    return HttpResponse(wire.encode(body), content_type="application/json")
