"""Cards of one member. Numbers travel in bodies: addresses end up in logs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.filters import StrictFilterBackend
from members.api.serializers import (
    CardCodeInput,
    CardCodeOutput,
    CardInput,
    CardOutput,
    CardPassInput,
    CardPassOutput,
    CardVerbInput,
)
from members.api.views.base import MembersView, checked, moment
from members.models import Card
from members.rules.cards import clean_number
from members.services.card_codes import LIFE, short_code
from members.services.cards import (
    activate_card,
    block_card,
    close_card,
    issue_card,
    replace_card,
    unblock_card,
)
from members.services.passes import apple, google

Verb = Callable[[Card, dict[str, Any], Actor], Card]


@extend_schema(tags=["cards"])
class CardViewSet(mixins.ListModelMixin, MembersView[Card]):
    """The cards of a member, and what may happen to them."""

    queryset = Card.objects.none()
    serializer_class = CardOutput
    filter_backends = [StrictFilterBackend]
    keyset = ("recorded_at", "id")
    keyless = ("short_code", "wallet_pass")
    scopes = {"list": "members:read", "wallet_pass": "members:pii"} | dict.fromkeys(
        ("create", "activate", "block", "unblock", "replace", "close", "short_code"),
        "members:write",
    )

    def get_queryset(self) -> QuerySet[Card]:
        return self.member().cards.all()

    @extend_schema(request=CardInput, responses={201: CardOutput})
    def create(self, request: Request, member_id: UUID) -> HttpResponse:
        """Issue a card. The answer shows its number in full, once, to be printed."""
        asked = checked(CardInput, request)

        def work() -> tuple[int, Any]:
            given = {**asked, "occurred_at": moment(asked)}
            card = issue_card(member=self.member(), **given, actor=self.actor)
            return 201, self.in_full(card)

        return self.once(request, operation="cards.create", validated=asked, work=work)

    @extend_schema(request=CardVerbInput, responses=CardOutput)
    def activate(self, request: Request, member_id: UUID) -> HttpResponse:
        """Let the card pay."""
        return self._change(request, "activate", _activate)

    @extend_schema(request=CardVerbInput, responses=CardOutput)
    def block(self, request: Request, member_id: UUID) -> HttpResponse:
        """Stop the card: it neither earns nor pays."""
        return self._change(request, "block", _block)

    @extend_schema(request=CardVerbInput, responses=CardOutput)
    def unblock(self, request: Request, member_id: UUID) -> HttpResponse:
        """Give a blocked card back the state it had."""
        return self._change(request, "unblock", _unblock)

    @extend_schema(request=CardVerbInput, responses={201: CardOutput})
    def replace(self, request: Request, member_id: UUID) -> HttpResponse:
        """Block the card and issue a new one, which is the answer, its number in full."""
        return self._change(request, "replace", _replace)

    @extend_schema(request=CardVerbInput, responses=CardOutput)
    def close(self, request: Request, member_id: UUID) -> HttpResponse:
        """End the card for good."""
        return self._change(request, "close", _close)

    @extend_schema(request=CardCodeInput, responses=CardCodeOutput)
    def short_code(self, request: Request, member_id: UUID) -> HttpResponse:
        """A code for the app to show: a till takes it for the card, for five minutes."""
        card, now = self._shown(checked(CardCodeInput, request)), clock.now()
        said = {"code": short_code(card, now), "expires_at": now + LIFE}
        return Response(CardCodeOutput(said).data)

    @extend_schema(request=CardPassInput, responses=CardPassOutput)
    def wallet_pass(self, request: Request, member_id: UUID) -> HttpResponse:
        """The card for the wallet of a phone. It holds the number in full."""
        asked = checked(CardPassInput, request)
        card, wallet = self._shown(asked), asked["wallet"]
        said: dict[str, str | None] = {"wallet": wallet, "content_type": None, "file": None}
        said["url"] = None
        if wallet == "apple":
            said["file"] = base64.b64encode(apple.apple_pass(card)).decode()
            said["content_type"] = apple.CONTENT_TYPE
        else:
            said["url"] = google.google_address(card, clock.now())
        return Response(CardPassOutput(said).data)

    def _shown(self, asked: dict[str, Any]) -> Card:
        """The card that is named, or the member's best one, if it may be shown at all."""
        usable = [Card.Status.ACTIVE, Card.Status.ISSUED]
        cards = self.get_queryset().filter(status__in=usable)
        if "number" in asked:
            cards = cards.filter(number=clean_number(asked["number"]))
        found = cards.select_related("member", "type__design").order_by("status", "-id").first()
        if found is None:
            raise Http404
        return found

    def _change(self, request: Request, name: str, verb: Verb) -> HttpResponse:
        asked = checked(CardVerbInput, request)

        def work() -> tuple[int, Any]:
            before = self._named(asked["number"])
            after = verb(before, asked, self.actor)
            if after.pk != before.pk:
                return 201, self.in_full(after)
            return 200, self.get_serializer(after).data

        return self.once(request, operation=f"cards.{name}", validated=asked, work=work)

    def _named(self, number: str) -> Card:
        """A card of this member; anybody else's looks like one that is not there."""
        card = self.get_queryset().filter(number=clean_number(number)).first()
        if card is None:
            raise Http404
        return card

    def in_full(self, card: Card) -> dict[str, Any]:
        return {**self.get_serializer(card).data, "number": card.number}


def _activate(card: Card, asked: dict[str, Any], actor: Actor) -> Card:
    return activate_card(card=card, occurred_at=moment(asked), actor=actor)


def _block(card: Card, asked: dict[str, Any], actor: Actor) -> Card:
    return block_card(card=card, reason=asked["reason"], actor=actor)


def _unblock(card: Card, asked: dict[str, Any], actor: Actor) -> Card:
    return unblock_card(card=card, reason=asked["reason"], actor=actor)


def _replace(card: Card, asked: dict[str, Any], actor: Actor) -> Card:
    return replace_card(
        card=card,
        number=asked.get("new_number"),
        reason=asked["reason"],
        occurred_at=moment(asked),
        actor=actor,
    )


def _close(card: Card, asked: dict[str, Any], actor: Actor) -> Card:
    return close_card(card=card, reason=asked["reason"], actor=actor)
