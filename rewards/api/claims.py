"""Late claims over the API: for a member, by what stands on the receipt."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework import serializers
from rest_framework.request import Request

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body, MoneyBody
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Member, Receipt
from rewards.api.awards import MemberAwardsView
from rewards.errors import CurrencyMismatch
from rewards.models import ReceiptClaim
from rewards.services import claims
from rewards.services.claims import Shown
from rewards.services.programmes import default_programme


class ClaimBody(Body, kw_only=True):
    """Either ``qr``, or ``store``, ``number`` and the ``total`` that was paid."""

    store: Annotated[str, Meta(max_length=40)] = ""
    number: Annotated[str, Meta(max_length=80)] = ""
    total: MoneyBody | None = None
    qr: Annotated[str, Meta(max_length=500)] = ""


class ClaimOut(msgspec.Struct, kw_only=True):
    """``state`` waiting: somebody looks at it first. ``points`` are those of the sale's rules."""

    id: UUID
    purchase: UUID
    state: str
    points: int
    claimed_at: datetime


class ClaimOutput(serializers.ModelSerializer[ReceiptClaim]):
    """One claim of a member."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    purchase = serializers.UUIDField(source="receipt.public_id", read_only=True)
    claimed_at = serializers.DateTimeField(source="recorded_at", read_only=True)

    class Meta:
        model = ReceiptClaim
        fields = ["id", "purchase", "state", "points", "claimed_at"]
        read_only_fields = fields


@extend_schema(tags=["claims"])
class ClaimViewSet(MemberAwardsView):
    """Receipts that a member asked for after the sale, newest first."""

    scopes = {"list": "sales:read", "create": "claims:write"}
    queryset = ReceiptClaim.objects.none()
    serializer_class = ClaimOutput
    keyset = ("-id",)

    def get_queryset(self) -> QuerySet[ReceiptClaim]:
        return ReceiptClaim.objects.filter(member=self.member()).select_related("receipt")

    @extend_schema(
        operation_id="claims_create",
        request=json_body(ClaimBody),
        responses={201: schema_of(ClaimOut), 202: schema_of(ClaimOut)},
    )
    def create(self, request: Request, member_id: UUID) -> HttpResponse:
        """Make a receipt of nobody the member's; it gives what its sale would have given.

        Wrong numbers are counted: five a minute and member. 202: it is looked at first.
        """
        asked = decode_request(request, ClaimBody)
        member = self.member()
        shown = _shown(asked)
        with throttle.guarded("claims", actor=self.actor, store=str(member.pk)) as guesses:
            guesses.wrong = 1
            receipt = claims.find_claimable(shown=shown, member=member, actor=self.actor)
            guesses.wrong = 0
        return self.once(
            request,
            operation="claims.create",
            validated=asked,
            work=lambda: self._claim(receipt, member),
        )

    def _claim(self, receipt: Receipt, member: Member) -> tuple[int, object]:
        claim = claims.claim_receipt(receipt=receipt, member=member, actor=self.actor)
        status = 201 if claim.state == ReceiptClaim.State.GRANTED else 202
        claim.refresh_from_db()
        return status, ClaimOut(
            id=claim.public_id,
            purchase=receipt.public_id,
            state=claim.state,
            points=claim.points,
            claimed_at=claim.recorded_at,
        )


def _shown(asked: ClaimBody) -> Shown:
    if asked.qr:
        return Shown(qr=asked.qr, store=asked.store)
    if not (asked.store and asked.number and asked.total):
        missing = "store" if not asked.store else "number" if not asked.number else "total"
        raise ValidationFailed(pointer=f"/{missing}")
    currency = default_programme().currency
    if asked.total.currency != currency:
        raise CurrencyMismatch(pointer="/total/currency", expected=currency)
    return Shown(store=asked.store, number=asked.number, total_minor=asked.total.amount)
