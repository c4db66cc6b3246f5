"""Cards of one member. Numbers travel in bodies: addresses end up in logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.filters import StrictFilterBackend
from members.api.serializers import CardInput, CardOutput, CardVerbInput
from members.api.views.base import MembersView, checked, moment
from members.models import Card
from members.rules.cards import clean_number
from members.services.cards import (
    activate_card,
    block_card,
    close_card,
    issue_card,
    replace_card,
    unblock_card,
)

Verb = Callable[[Card, dict[str, Any], Actor], Card]


@extend_schema(tags=["cards"])
class CardViewSet(mixins.ListModelMixin, MembersView[Card]):
    """The cards of a member, and what may happen to them."""

    queryset = Card.objects.none()
    serializer_class = CardOutput
    filter_backends = [StrictFilterBackend]
    keyset = ("recorded_at", "id")
    scopes = {"list": "members:read"} | dict.fromkeys(
        ("create", "activate", "block", "unblock", "replace", "close"), "members:write"
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
