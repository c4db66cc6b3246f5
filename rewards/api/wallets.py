"""Wallets, their entries and lots, holds and adjustments: doors for integrators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import StrictFilterBackend
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from members.models import Member
from rewards.api.adjustments import WaitingOut, waiting_out
from rewards.api.wallet_filters import DAYS, as_of_of, days_of
from rewards.api.wallet_shapes import (
    AdjustmentBody,
    AdjustmentOutput,
    CaptureBody,
    CaptureOutput,
    EntryOutput,
    HoldBody,
    HoldOutput,
    LotOutput,
    VoidBody,
    WalletAsOfOutput,
    WalletOutput,
    gift_cards_alone,
    without_points,
)
from rewards.models import AdjustmentRequest, Hold, LedgerEntry, LedgerTx, Lot, Wallet
from rewards.services import ledger
from rewards.services.adjustments import adjust_or_ask
from rewards.services.checkout.letting_go import let_go, limits_alone
from rewards.services.gift_cards.paying import holds_of
from rewards.services.wallets import balance_effective_at, balance_recorded_by, receipts_of

_Row = TypeVar("_Row", bound=Model)


class LedgerView(IdempotentMixin, viewsets.GenericViewSet[_Row], Generic[_Row]):
    """What the views of the ledger share: who calls, and which wallet it is about."""

    filter_backends = [StrictFilterBackend]

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def wallet(self, public_id: UUID) -> Wallet:
        wallet = Wallet.objects.shown().with_pending().filter(public_id=public_id).first()
        if wallet is None:
            raise Http404
        return wallet

    def points_wallet(self, public_id: UUID) -> Wallet:
        """Money on gift cards moves only through the gift cards' own doors."""
        wallet = self.wallet(public_id)
        if wallet.kind == Wallet.Kind.GIFT:
            raise Http404
        return wallet


@extend_schema(tags=["wallets"])
class WalletViewSet(mixins.ListModelMixin, LedgerView[Wallet]):
    """Points accounts. Amounts are integers of the smallest unit: ``points_scale`` decimals."""

    queryset = Wallet.objects.none()
    serializer_class = WalletOutput
    keyset = ("id",)
    query_parameters = frozenset({"as_of", "axis"})
    scopes = {"list": "wallets:read", "retrieve": "wallets:read"}

    def get_queryset(self) -> QuerySet[Wallet]:
        known = Member.objects.visible_to(self.actor).filter(public_id=self.kwargs["member_id"])
        if (member := known.first()) is None:
            raise Http404
        return Wallet.objects.shown().with_pending().filter(member=member)

    @extend_schema(
        parameters=[
            OpenApiParameter("as_of", {"type": "string", "format": "date-time"}),
            OpenApiParameter("axis", enum=["effective", "recorded"]),
        ],
        responses=WalletAsOfOutput,
    )
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002
        """One points account; with ``as_of`` also its balance at that moment.

        ``axis=recorded`` (the default) tells what the books said then,
        ``axis=effective`` what had happened by then, whenever it was recorded.
        """
        moment, axis = as_of_of(request)
        wallet = self.wallet(id)
        shown = dict(self.get_serializer(wallet).data)
        if moment:
            balance = balance_effective_at if axis == "effective" else balance_recorded_by
            shown["as_of"] = {"at": moment, "axis": axis, "balance": balance(wallet, moment)}
        return Response(shown)


@extend_schema(tags=["wallets"])
class EntryViewSet(LedgerView[LedgerEntry]):
    """The movements of a wallet, newest first."""

    queryset = LedgerEntry.objects.none()
    serializer_class = EntryOutput
    keyset = ("-seq",)
    scopes = {"list": "wallets:read"}

    @extend_schema(responses=EntryOutput(many=True))
    def list(self, request: Request, id: UUID) -> Response:  # noqa: A002
        """Each movement with its cause: the operation, its reference and the receipt behind it."""
        entries = self.wallet(id).entries.select_related("tx", "tx__reverses")
        page = self.paginate_queryset(self.filter_queryset(entries)) or []
        context = {"receipts": receipt_refs(page, self.actor)}
        return self.get_paginated_response(EntryOutput(page, many=True, context=context).data)


def receipt_refs(entries: Sequence[LedgerEntry], actor: Actor) -> dict[int, dict[str, Any]]:
    """The receipts behind the entries by transaction; other stores' receipts stay unknown."""
    return {
        tx_id: {
            "id": receipt.public_id,
            "store": receipt.store.code,
            "number": receipt.number,
            "decisions": reverse("purchase-decisions", args=[receipt.public_id]),
        }
        for tx_id, receipt in receipts_of([entry.tx_id for entry in entries], actor).items()
    }


@extend_schema(tags=["wallets"])
class LotViewSet(mixins.ListModelMixin, LedgerView[Lot]):
    """Unspent points by expiry, in the order in which they will be spent."""

    queryset = Lot.objects.none()
    serializer_class = LotOutput
    keyset = ("expires_at", "id")
    query_parameters = frozenset({"days", "limit", "after"})
    scopes = {"list": "wallets:read", "expiring": "wallets:read"}

    def get_queryset(self) -> QuerySet[Lot]:
        return self.wallet(self.kwargs["id"]).lots.unspent()

    @extend_schema(parameters=[DAYS], responses=LotOutput(many=True))
    def expiring(self, request: Request, id: UUID) -> Response:  # noqa: A002
        """What expires within ``days`` (30 unless told), nearest first."""
        until = clock.now() + timedelta(days=days_of(request))
        page = self.paginate_queryset(self.wallet(id).lots.expiring(until)) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


@extend_schema(tags=["holds"])
class HoldViewSet(LedgerView[Hold]):
    """Points set aside for a payment, then captured or released."""

    queryset = Hold.objects.none()
    serializer_class = HoldOutput
    scopes = {"retrieve": "wallets:read"} | dict.fromkeys(
        ("create", "capture", "void"), "holds:write"
    )

    def hold(self) -> Hold:
        hold = Hold.objects.shown().filter(public_id=self.kwargs["id"]).first()
        if hold is None:
            raise Http404
        return hold

    @property
    def source(self) -> str:
        return f"api:{self.actor.id}"

    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002
        """A hold and what became of it."""
        return Response(self.get_serializer(self.hold()).data)

    @extend_schema(request=json_body(HoldBody), responses={201: HoldOutput})
    def create(self, request: Request) -> HttpResponse:
        """Set points aside. The same ``source_ref`` again answers with the first hold."""
        asked = decode_request(request, HoldBody)

        def work() -> tuple[int, Any]:
            wallet = self.points_wallet(asked.wallet)
            known = Hold.objects.filter(tx__source=self.source, tx__source_ref=asked.source_ref)
            is_known = known.exists()
            placed = ledger.place_hold(
                wallet=wallet,
                amount=asked.amount,
                ttl=timedelta(seconds=asked.ttl_seconds),
                source=self.source,
                source_ref=asked.source_ref,
                actor=self.actor,
            )
            body = HoldOutput(Hold.objects.shown().get(pk=placed.pk)).data
            return (200, {**body, "duplicate_of_existing": True}) if is_known else (201, body)

        return self.once(request, operation="holds.create", validated=asked, work=work)

    @extend_schema(request=json_body(CaptureBody), responses={200: CaptureOutput})
    def capture(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Spend up to what was held; the rest is free again."""
        asked = decode_request(request, CaptureBody)

        def work() -> tuple[int, Any]:
            done = ledger.capture_hold(
                hold=self.hold(),
                amount=asked.amount,
                source=self.source,
                source_ref=asked.source_ref,
                effective_at=asked.occurred_at or clock.now(),
                allow_reauth=asked.allow_reauth,
                actor=self.actor,
            )
            tx = LedgerTx.objects.values_list("public_id", flat=True).get(pk=done.tx_id)
            after = {"tx": tx, "balance_after": done.balance_after}
            return 200, {**HoldOutput(self.hold()).data, **after}

        return self.once(request, operation="holds.capture", validated=asked, work=work)

    @extend_schema(request=json_body(VoidBody), responses={200: HoldOutput})
    def void(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Release what was held, limits and coupons of a quote too. Twice is the same as once."""
        asked = decode_request(request, VoidBody)

        def work() -> tuple[int, Any]:
            alone, cards = limits_alone(id), holds_of(id)
            if alone is None and not cards:
                self.hold()
            has_points = Hold.objects.filter(public_id=id).exists()
            let_go(public_id=id, reason=asked.reason, actor=self.actor)
            if has_points:
                return 200, HoldOutput(self.hold()).data
            return 200, without_points(alone) if alone else gift_cards_alone(id, cards)

        return self.once(request, operation="holds.void", validated=asked, work=work)


@extend_schema(tags=["adjustments"])
class AdjustmentViewSet(LedgerView[LedgerTx]):
    """Corrections by hand."""

    queryset = LedgerTx.objects.none()
    serializer_class = AdjustmentOutput
    scopes = {"create": "adjustments:request"}

    @extend_schema(
        request=json_body(AdjustmentBody),
        responses={201: AdjustmentOutput, 202: schema_of(WaitingOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Add or take points, with a reason. The same ``source_ref`` again changes nothing.

        202: so many points wait for a second person (see adjustment-requests).
        """
        asked = decode_request(request, AdjustmentBody)

        def work() -> tuple[int, Any]:
            wallet = self.points_wallet(asked.wallet)
            known = LedgerTx.objects.filter(
                op="adjust", source=f"adjustment:{self.actor.label}", source_ref=asked.source_ref
            )
            is_known = known.exists()
            done = adjust_or_ask(
                wallet=wallet,
                points=asked.points,
                reason=asked.reason,
                reference=asked.source_ref,
                expires_at=asked.expires_at,
                actor=self.actor,
            )
            if isinstance(done, AdjustmentRequest):
                return 202, waiting_out(done)
            body = adjustment_shown(done)
            return (200, {**body, "duplicate_of_existing": True}) if is_known else (201, body)

        return self.once(request, operation="adjustments.create", validated=asked, work=work)


def adjustment_shown(tx: LedgerTx) -> dict[str, Any]:
    entry = tx.entries.select_related("wallet").get()
    return {
        "id": tx.public_id,
        "wallet": entry.wallet.public_id,
        "points": entry.amount,
        "balance_after": entry.balance_after,
        "reason": tx.reason,
        "source_ref": tx.source_ref,
        "recorded_at": tx.recorded_at,
    }
