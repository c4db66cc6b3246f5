"""Shapes of requests about wallets, holds and adjustments, and promises of answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from msgspec import Meta
from rest_framework import serializers

from loyalty_crm.kernel.api.shapes import Body, Integer, ShortText
from rewards.models import Hold, LedgerEntry, LedgerTx, LimitHold, Lot, Wallet
from rewards.rules.expiry import NEVER
from rewards.services.gift_cards.paying import GiftHold

Points = Annotated[int, Meta(ge=1, le=10**12)]
Reference = Annotated[str, Meta(min_length=1, max_length=120)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
Moment = Annotated[datetime, Meta(tz=True)]


class HoldBody(Body):
    """Points to set aside, by default for fifteen minutes. ``source_ref`` names the payment."""

    wallet: UUID
    amount: Points
    source_ref: Reference
    ttl_seconds: Seconds = 900


class CaptureBody(Body):
    """``allow_reauth``: after the hold has expired, spend afresh if the points are still there."""

    amount: Points
    source_ref: Reference
    allow_reauth: bool = False
    occurred_at: Moment | None = None


class VoidBody(Body):
    reason: ShortText = ""


class AdjustmentBody(Body):
    """Points to add, or with a minus to take. ``source_ref`` names the correction."""

    wallet: UUID
    points: Integer
    reason: Annotated[str, Meta(min_length=1, max_length=300)]
    source_ref: Reference
    expires_at: Moment | None = None


class ExpiryField(serializers.DateTimeField):
    """``null`` for points that never expire."""

    def to_representation(self, value: Any) -> Any:
        return None if value >= NEVER else super().to_representation(value)


class AsOf(serializers.Serializer[Any]):
    """The balance at a moment: of what had happened, or of what was recorded by then."""

    at = serializers.DateTimeField()
    axis = serializers.ChoiceField(choices=["effective", "recorded"])
    balance = serializers.IntegerField()


class WalletOutput(serializers.ModelSerializer[Wallet]):
    id = serializers.UUIDField(source="public_id", read_only=True)
    member = serializers.UUIDField(source="member.public_id", allow_null=True, read_only=True)
    programme = serializers.CharField(source="programme.code", read_only=True)
    points_scale = serializers.IntegerField(source="programme.points_scale", read_only=True)
    merged_into = serializers.UUIDField(
        source="merged_into.public_id", allow_null=True, read_only=True, default=None
    )
    balance = serializers.IntegerField(source="posted", read_only=True)
    available = serializers.IntegerField(read_only=True)
    pending = serializers.IntegerField(read_only=True, help_text="Promised, not active yet")

    class Meta:
        model = Wallet
        fields = [
            "id",
            "member",
            "programme",
            "kind",
            "unit",
            "points_scale",
            "status",
            "merged_into",
            "balance",
            "held",
            "available",
            "pending",
            "debt_limit",
            "last_activity_at",
            "created_at",
        ]
        read_only_fields = fields


class WalletAsOfOutput(WalletOutput):
    as_of = AsOf(required=False)

    class Meta(WalletOutput.Meta):
        fields = [*WalletOutput.Meta.fields, "as_of"]


class ReceiptRef(serializers.Serializer[Any]):
    """The receipt behind an entry; its purchase tells each line, rule and reason."""

    id = serializers.UUIDField()
    store = serializers.CharField()
    number = serializers.CharField()
    decisions = serializers.CharField(help_text="Address of the decisions, line by line")


class EntryOutput(serializers.ModelSerializer[LedgerEntry]):
    tx = serializers.UUIDField(source="tx.public_id", read_only=True)
    op = serializers.CharField(source="tx.op", read_only=True)
    reason = serializers.CharField(source="tx.reason", read_only=True)
    source = serializers.CharField(source="tx.source", read_only=True)  # type: ignore[assignment]
    source_ref = serializers.CharField(source="tx.source_ref", read_only=True)
    reverses = serializers.UUIDField(
        source="tx.reverses.public_id", allow_null=True, read_only=True, default=None
    )
    effective_at = serializers.DateTimeField(source="tx.effective_at", read_only=True)
    receipt = serializers.SerializerMethodField()

    class Meta:
        model = LedgerEntry
        fields = [
            "seq",
            "tx",
            "op",
            "kind",
            "contra",
            "amount",
            "balance_after",
            "reason",
            "source",
            "source_ref",
            "reverses",
            "receipt",
            "effective_at",
            "recorded_at",
        ]
        read_only_fields = fields

    @extend_schema_field(ReceiptRef(allow_null=True))
    def get_receipt(self, entry: LedgerEntry) -> ReceiptRef | None:
        known: dict[int, ReceiptRef] = self.context.get("receipts", {})
        return known.get(entry.tx_id)


class LotOutput(serializers.ModelSerializer[Lot]):
    expires_at = ExpiryField(allow_null=True, read_only=True)

    class Meta:
        model = Lot
        fields = ["expires_at", "granted", "remaining"]
        read_only_fields = fields


class HoldOutput(serializers.ModelSerializer[Hold]):
    id = serializers.UUIDField(source="public_id", read_only=True)
    wallet = serializers.UUIDField(
        source="wallet.public_id",
        read_only=True,
        allow_null=True,
        help_text="Null where a quote held no points",
    )
    source_ref = serializers.CharField(source="tx.source_ref", read_only=True)
    status = serializers.ChoiceField(
        choices=["held", "captured", "voided", "expired"], read_only=True
    )
    captured = serializers.IntegerField(read_only=True)

    class Meta:
        model = Hold
        fields = [
            "id",
            "wallet",
            "source_ref",
            "amount",
            "status",
            "captured",
            "expires_at",
            "created_at",
        ]
        read_only_fields = fields


def without_points(hold: LimitHold) -> dict[str, Any]:
    """A released hold of a quote that set aside room in limits alone, in the same shape."""
    return {
        "id": hold.public_id,
        "wallet": None,
        "source_ref": "",
        "amount": 0,
        "status": "voided",
        "captured": 0,
        "expires_at": hold.expires_at,
        "created_at": hold.created_at,
    }


def gift_cards_alone(public_id: UUID, held: Sequence[GiftHold]) -> dict[str, Any]:
    """A released hold of a quote that set aside money on gift cards alone, in the same shape."""
    known = Hold.objects.filter(pk__in=[one.id for one in held])
    first: dict[str, Any] = dict(
        known.order_by("pk").values("expires_at", "created_at").first() or {}
    )
    return {
        "id": public_id,
        "wallet": None,
        "source_ref": "",
        "amount": 0,
        "status": "voided",
        "captured": 0,
        "expires_at": first.get("expires_at"),
        "created_at": first.get("created_at"),
    }


class CaptureOutput(HoldOutput):
    """The hold, and what the capture did to the wallet."""

    tx = serializers.UUIDField(read_only=True)
    balance_after = serializers.IntegerField(read_only=True)

    class Meta(HoldOutput.Meta):
        fields = [*HoldOutput.Meta.fields, "tx", "balance_after"]


class AdjustmentOutput(serializers.ModelSerializer[LedgerTx]):
    id = serializers.UUIDField(source="public_id", read_only=True)
    wallet = serializers.UUIDField(read_only=True)
    points = serializers.IntegerField(read_only=True)
    balance_after = serializers.IntegerField(read_only=True)
    duplicate_of_existing = serializers.BooleanField(required=False)

    class Meta:
        model = LedgerTx
        fields = [
            "id",
            "wallet",
            "points",
            "balance_after",
            "reason",
            "source_ref",
            "recorded_at",
            "duplicate_of_existing",
        ]
        read_only_fields = fields
