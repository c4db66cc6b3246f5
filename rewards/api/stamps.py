"""Stamp cards over the API: what a member has, and stamps by hand."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_field
from msgspec import Meta
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound
from members.models import Member, Store
from rewards.api.awards import MemberAwardsView
from rewards.api.checkout import answer
from rewards.errors import StampProgrammeUnknown
from rewards.models import ManualStamp, StampCard, StampProgramme
from rewards.services.programmes import default_programme
from rewards.services.stamps import books, by_hand
from rewards.services.stamps.reading import CardView, cards_of


class StampsBody(Body, kw_only=True):
    """``amount`` stamps on the card of ``programme``; with a minus they come off."""

    programme: Annotated[str, Meta(min_length=1, max_length=40)]
    amount: Annotated[int, Meta(ge=-(10**9), le=10**9)]
    reason: Annotated[str, Meta(min_length=1, max_length=300)]
    reference: Annotated[str, Meta(min_length=1, max_length=120)]
    store: Annotated[str, Meta(max_length=40)] = ""


class StampRewardOut(msgspec.Struct, kw_only=True):
    """``kind``: points, next_coupon, gift, tag and so on; empty when there is none."""

    kind: str
    code: str
    amount: int
    valid_days: int | None


class StampCardOut(msgspec.Struct, kw_only=True):
    """The card that is filling. Of kind ``sum`` a stamp is a minor unit of money.

    ``next_gone`` of the stamps end with the day ``gone_on``, if no card is full before.
    """

    programme: str
    name: str
    kind: str
    needed: int
    stamps: int
    full_cards: int
    cards_per_member: int | None
    next_gone: int
    gone_on: date | None
    reward: StampRewardOut


class StampCardsOut(msgspec.Struct, kw_only=True):
    """At most 100."""

    data: list[StampCardOut]


class ManualStampOut(msgspec.Struct, kw_only=True):
    """``state`` waiting: a second person has to agree, nothing is on the card yet."""

    id: UUID
    programme: str
    amount: int
    state: str
    stamps: int


def card_out(view: CardView) -> StampCardOut:
    programme = view.programme
    return StampCardOut(
        programme=programme.code,
        name=programme.name,
        kind=programme.kind,
        needed=programme.needed,
        stamps=view.stamps,
        full_cards=view.full,
        cards_per_member=programme.cards_per_member,
        next_gone=view.next_gone.stamps if view.next_gone else 0,
        gone_on=view.gone_on,
        reward=msgspec.convert(programme.terms, StampRewardOut),
    )


def member_of(actor: Actor, public_id: UUID) -> Member:
    known = Member.objects.visible_to(actor).filter(public_id=public_id)
    if (member := known.first()) is None:
        raise Http404
    return member


@extend_schema(tags=["stamps"])
class StampViewSet(IdempotentMixin, ViewSet):
    """A member's stamp cards."""

    scopes = {"cards": "wallets:read", "create": "stamps:write"}

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    @extend_schema(operation_id="stamp_cards_of_member", responses={200: schema_of(StampCardsOut)})
    def cards(self, request: Request, member_id: UUID) -> HttpResponse:
        """The card of each programme in use, empty ones as well."""
        member = member_of(self.actor, member_id)
        views = cards_of(member=member, programme=default_programme())
        return answer(StampCardsOut(data=[card_out(one) for one in views]))

    @extend_schema(
        operation_id="stamps_by_hand",
        request=json_body(StampsBody),
        responses={201: schema_of(ManualStampOut), 202: schema_of(ManualStampOut)},
    )
    def create(self, request: Request, member_id: UUID) -> HttpResponse:
        """Stamps by hand, with a reason, once per reference.

        202: so many wait until a second person agrees.
        """
        asked = decode_request(request, StampsBody)
        member = member_of(self.actor, member_id)

        def work() -> tuple[int, object]:
            made = by_hand.stamp_by_hand(
                programme=_programme(asked.programme),
                member=member,
                amount=asked.amount,
                reason=asked.reason,
                reference=asked.reference,
                store=_store(asked.store, self.actor),
                actor=self.actor,
            )
            return (202 if made.state == ManualStamp.State.WAITING else 201), _manual_out(made)

        return self.once(request, operation="stamps.create", validated=asked, work=work)


def _manual_out(made: ManualStamp) -> ManualStampOut:
    return ManualStampOut(
        id=made.public_id,
        programme=made.programme.code,
        amount=made.amount,
        state=made.state,
        stamps=books.balance_of(made.member_id, made.programme.code),
    )


def _programme(code: str) -> StampProgramme:
    found = StampProgramme.objects.select_related("programme").filter(
        programme__is_default=True, code=code
    )
    if (programme := found.first()) is None:
        raise StampProgrammeUnknown(pointer="/programme")
    return programme


def _store(code: str, actor: Actor) -> Store | None:
    if not code:
        return None
    store = Store.objects.filter(code=code, is_active=True).first()
    if store is None or not actor.may_use_store(code):
        raise NotFound(pointer="/store")
    return store


class FullCardOutput(serializers.ModelSerializer[StampCard]):
    """A card that is full, or that was taken back with its goods (``state`` undone)."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    programme = serializers.CharField(source="programme.code", read_only=True)
    reward = serializers.SerializerMethodField()

    class Meta:
        model = StampCard
        fields = [
            "id", "programme", "number", "state", "stamps", "reward", "completed_at", "undone_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(schema_of(StampRewardOut))
    def get_reward(self, card: StampCard) -> Any:
        known = {"kind": "", "code": "", "amount": 0, "valid_days": None}
        return {name: card.reward.get(name, empty) for name, empty in known.items()}


@extend_schema(tags=["stamps"])
class FullCardViewSet(MemberAwardsView):
    """Full cards of a member, newest first."""

    queryset = StampCard.objects.none()
    serializer_class = FullCardOutput
    keyset = ("-id",)

    def get_queryset(self) -> QuerySet[StampCard]:
        return StampCard.objects.filter(member=self.member()).select_related("programme")
