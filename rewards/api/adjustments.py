"""Adjustments that wait for a second person, over the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from rewards.api.beyond import PAGE, BeyondView, ReasonBody, answer
from rewards.models import AdjustmentRequest
from rewards.services import adjustments


class WaitingOut(msgspec.Struct, kw_only=True):
    """``state``: waiting, approved or rejected. Points in the wallet's smallest unit."""

    id: UUID
    wallet: UUID
    points: int
    reason: str
    source_ref: str
    state: str
    decision: str
    requested_at: datetime
    decided_at: datetime | None


class WaitingPage(msgspec.Struct, kw_only=True):
    data: list[WaitingOut]
    next: str | None
    has_more: bool


def waiting_out(asked: AdjustmentRequest) -> WaitingOut:
    return WaitingOut(
        id=asked.public_id,
        wallet=asked.wallet.public_id,
        points=asked.points,
        reason=asked.reason,
        source_ref=asked.reference,
        state=asked.state,
        decision=asked.decision,
        requested_at=asked.requested_at,
        decided_at=asked.decided_at,
    )


@extend_schema(tags=["wallets"])
class AdjustmentRequestViewSet(BeyondView[AdjustmentRequest]):
    """Corrections above what one person books alone. Who asked never decides."""

    queryset = AdjustmentRequest.objects.select_related("wallet")
    filters = {"state": "state", "wallet": "wallet__public_id"}
    scopes = dict.fromkeys(("browse", "retrieve"), "wallets:read") | dict.fromkeys(
        ("approve", "reject"), "adjustments:approve"
    )

    @extend_schema(
        operation_id="adjustment_requests_list",
        parameters=[*PAGE, *(OpenApiParameter(name, str) for name in filters)],
        responses={200: schema_of(WaitingPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """Those that wait and those that were decided, the newest first."""
        return self.page(request, waiting_out)

    @extend_schema(
        operation_id="adjustment_requests_retrieve", responses={200: schema_of(WaitingOut)}
    )
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """One of them."""
        return answer(waiting_out(self.found(id)))

    @extend_schema(
        operation_id="adjustment_requests_approve",
        request=json_body(ReasonBody),
        responses={200: schema_of(WaitingOut)},
    )
    def approve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Book what somebody else asked for."""
        return self._decide(request, adjustments.approve)

    @extend_schema(
        operation_id="adjustment_requests_reject",
        request=json_body(ReasonBody),
        responses={200: schema_of(WaitingOut)},
    )
    def reject(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Nothing moves."""
        return self._decide(request, adjustments.reject)

    def _decide(self, request: Request, service: Callable[..., AdjustmentRequest]) -> HttpResponse:
        asked = decode_request(request, ReasonBody)

        def work() -> tuple[int, object]:
            row = self.found(self.kwargs["id"])
            service(request=row, reason=asked.reason, actor=self.actor)
            return 200, waiting_out(self.found(row.public_id))

        return self.once(
            request, operation=f"adjustments.{self.action}", validated=asked, work=work
        )
