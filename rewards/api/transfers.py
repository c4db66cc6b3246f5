"""Transfers of points over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec import Meta
from rest_framework.request import Request

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from rewards.api.beyond import PAGE, BeyondView, ReasonBody, Reference, answer, member_of
from rewards.api.bodies import MemberBody
from rewards.models import PointsTransfer
from rewards.services import transfers
from rewards.services.programmes import default_programme
from rewards.services.transfers.codes import check_code
from rewards.services.transfers.confirming import done


class TransferBody(Body, kw_only=True):
    """``points`` in the programme's smallest unit; ``source_ref`` is your own name of the gift."""

    giver: MemberBody
    taker: MemberBody
    points: Annotated[int, Meta(ge=1, le=10**12)]
    source_ref: Reference


class CodeBody(Body, kw_only=True):
    code: Annotated[str, Meta(min_length=6, max_length=6, pattern=r"^[0-9]{6}$(?!\n)")]


class TransferOut(msgspec.Struct, kw_only=True):
    """``state``: waiting (for the code that the giver was sent), done, cancelled or reversed."""

    id: UUID
    giver: UUID
    taker: UUID
    points: int
    fee: int
    state: str
    reason: str
    created_at: datetime
    done_at: datetime | None


class TransferPage(msgspec.Struct, kw_only=True):
    data: list[TransferOut]
    next: str | None
    has_more: bool


def transfer_out(transfer: PointsTransfer) -> TransferOut:
    return TransferOut(
        id=transfer.public_id,
        giver=transfer.sender.public_id,
        taker=transfer.recipient.public_id,
        points=transfer.points,
        fee=transfer.fee,
        state=transfer.state,
        reason=transfer.reason,
        created_at=transfer.created_at,
        done_at=transfer.done_at,
    )


@extend_schema(tags=["transfers"])
class TransferViewSet(BeyondView[PointsTransfer]):
    """Points that one member gives to another."""

    queryset = PointsTransfer.objects.select_related("sender", "recipient", "programme")
    filters = {
        "state": "state",
        "giver": "sender__public_id",
        "taker": "recipient__public_id",
    }
    scopes = dict.fromkeys(("browse", "retrieve"), "wallets:read") | dict.fromkeys(
        ("create", "confirm", "cancel", "reverse"), "transfers:write"
    )

    @extend_schema(
        operation_id="transfers_create",
        request=json_body(TransferBody),
        responses={201: schema_of(TransferOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Give points. It is done, or waits for the code that was sent to the giver."""
        asked = decode_request(request, TransferBody)
        giver = member_of(asked.giver, self.actor, "/giver")
        taker = member_of(asked.taker, self.actor, "/taker")

        def work() -> tuple[int, object]:
            transfer = transfers.give_points(
                programme=default_programme(),
                sender=giver,
                recipient=taker,
                points=asked.points,
                source_ref=asked.source_ref,
                now=clock.now(),
                actor=self.actor,
            )
            return 201, transfer_out(self.found(transfer.public_id))

        return self.once(request, operation="transfers.create", validated=asked, work=work)

    @extend_schema(
        operation_id="transfers_list",
        parameters=[*PAGE, *(OpenApiParameter(name, str) for name in filters)],
        responses={200: schema_of(TransferPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """Transfers, the newest first."""
        return self.page(request, transfer_out)

    @extend_schema(operation_id="transfers_retrieve", responses={200: schema_of(TransferOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """One transfer."""
        return answer(transfer_out(self.found(id)))

    @extend_schema(
        operation_id="transfers_confirm",
        request=json_body(CodeBody),
        responses={200: schema_of(TransferOut)},
    )
    def confirm(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Type the code that the giver was sent; after five wrong ones it is of no use."""
        asked = decode_request(request, CodeBody)
        transfer, now = self.found(id), clock.now()
        if transfer.state == PointsTransfer.State.WAITING:
            check_code(transfer, asked.code, now)

        def work() -> tuple[int, object]:
            done(transfer=transfer, now=now, actor=self.actor)
            return 200, transfer_out(self.found(id))

        return self.once(request, operation="transfers.confirm", validated=asked, work=work)

    @extend_schema(
        operation_id="transfers_cancel",
        request=json_body(ReasonBody),
        responses={200: schema_of(TransferOut)},
    )
    def cancel(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Call off what waits for its code."""
        asked = decode_request(request, ReasonBody)

        def work() -> tuple[int, object]:
            transfers.cancel(transfer=self.found(id), reason=asked.reason, actor=self.actor)
            return 200, transfer_out(self.found(id))

        return self.once(request, operation="transfers.cancel", validated=asked, work=work)

    @extend_schema(
        operation_id="transfers_reverse",
        request=json_body(ReasonBody),
        responses={200: schema_of(TransferOut)},
    )
    def reverse(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take a gift back, and say why. Refused when the points are spent."""
        asked = decode_request(request, ReasonBody)

        def work() -> tuple[int, object]:
            transfers.reverse(
                transfer=self.found(id), reason=asked.reason, now=clock.now(), actor=self.actor
            )
            return 200, transfer_out(self.found(id))

        return self.once(request, operation="transfers.reverse", validated=asked, work=work)
