"""Offline batches: up to 500 operations of a till that could not reach us."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel import clock, wire
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body, Code
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import DomainError, ForbiddenScope
from loyalty_crm.kernel.idempotency import StoredResponse
from rewards.api.bodies import (
    Moment,
    Number,
    PurchaseBody,
    RefundBody,
    VoidBody,
    refund_of,
    sale_of,
    void_of,
)
from rewards.api.checkout import compiled_for
from rewards.services.sync import Operation, counted, refused, run_batch

MOST_OPERATIONS = 500
Key = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,255}$(?!\n)")]


class OfBody(Body, kw_only=True):
    """Which sale: by what is printed on its receipt."""

    store: Code
    number: Number


class PurchaseOperation(Body, kw_only=True, tag_field="kind", tag="purchase"):
    key: Key
    purchase: PurchaseBody


class RefundOperation(Body, kw_only=True, tag_field="kind", tag="refund"):
    key: Key
    of: OfBody
    occurred_at: Moment
    refund: RefundBody


class VoidOperation(Body, kw_only=True, tag_field="kind", tag="void"):
    key: Key
    of: OfBody
    occurred_at: Moment
    void: VoidBody


class BatchBody(Body, kw_only=True):
    """Operations in any order, repeated or not: each happens once, by its own key."""

    operations: Annotated[
        list[PurchaseOperation | RefundOperation | VoidOperation],
        Meta(min_length=1, max_length=MOST_OPERATIONS),
    ]


class ItemOut(msgspec.Struct, kw_only=True):
    """What the single request would have answered: status, and body or problem."""

    key: str
    status: int
    replayed: bool
    body: Any


class BatchOut(msgspec.Struct, kw_only=True):
    """Results in the order of the request."""

    counts: dict[str, int]
    results: list[ItemOut]


@extend_schema(tags=["sales"])
class BatchViewSet(ViewSet):
    """For tills that were offline. Prices of receipts without a quote stand as printed."""

    scopes = {"create": "sales:write"}

    @extend_schema(
        operation_id="sync_batches_create",
        request=json_body(BatchBody),
        responses={200: schema_of(BatchOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Send what happened while there was no connection. One refusal stops nothing else."""
        body = decode_request(request, BatchBody)
        actor, now, compiled = actor_of(request), clock.now(), compiled_for(request)
        if "refunds:write" not in actor.scopes and _has_refunds(body):
            raise ForbiddenScope(required="refunds:write")
        answers: list[StoredResponse | None] = []
        able: list[Operation] = []
        for one in body.operations:
            try:
                able.append(operation_of(one, now, compiled.programme.currency))
                answers.append(None)
            except DomainError as refusal:
                answers.append(refused(refusal))
        ran = iter(run_batch(operations=able, compiled=compiled, now=now, actor=actor))
        whole = [one or next(ran) for one in answers]
        keys = [one.key for one in body.operations]
        results = [
            ItemOut(key=key, status=one.status, replayed=one.replayed, body=msgspec.Raw(one.body))
            for key, one in zip(keys, whole, strict=True)
        ]
        batch = BatchOut(counts=dict(counted(whole)), results=results)
        return HttpResponse(wire.encode(batch), content_type="application/json")


def _has_refunds(body: BatchBody) -> bool:
    return any(isinstance(one, RefundOperation) for one in body.operations)


def operation_of(
    one: PurchaseOperation | RefundOperation | VoidOperation, now: datetime, currency: str
) -> Operation:
    """Plain values; shape faults of one operation are that operation's answer."""
    if isinstance(one, PurchaseOperation):
        return Operation(
            key=one.key,
            store=one.purchase.store,
            body=one.purchase,
            occurred_at=one.purchase.occurred_at,
            sale=sale_of(one.purchase, currency, is_late=True),
        )
    of = (one.of.store, one.of.number)
    if isinstance(one, RefundOperation):
        ask, body = refund_of(one.refund, one.occurred_at, currency), one.refund
        return Operation(
            key=one.key, store=of[0], body=body, occurred_at=one.occurred_at, refund=ask, of=of
        )
    ask = void_of(one.void, one.occurred_at)
    return Operation(
        key=one.key, store=of[0], body=one.void, occurred_at=one.occurred_at, refund=ask, of=of
    )
