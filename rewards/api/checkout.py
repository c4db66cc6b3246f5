"""Quotes, purchases, refunds and voids: doors that parse, call one service and present."""

from __future__ import annotations

from uuid import UUID, uuid5

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel import clock, wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin, idempotency_key
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Receipt
from rewards.api.bodies import (
    PurchaseBody,
    QuoteBody,
    RefundBody,
    VoidBody,
    ask_of,
    gift_cards_of,
    refund_of,
    sale_of,
    void_of,
)
from rewards.services import rule_sets
from rewards.services.checkout import views
from rewards.services.checkout.asks import RefundAsk
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.gift_tenders import cards_of, recognised
from rewards.services.checkout.guessing import guarded_ask
from rewards.services.checkout.quoting import make_quote, reserve_quote
from rewards.services.checkout.refunding import refund_purchase
from rewards.services.checkout.wire import (
    DecisionOut,
    PurchaseOut,
    QuoteOut,
    RefundedOut,
    committed_out,
    decisions_out,
    purchase_out,
    refunded_out,
)
from rewards.services.rule_sets import Compiled

_HOLDS = UUID("6a4d1bd0-8f0b-4a2e-9d8a-0d2f4c7d5e11")  # names references of reserved quotes


class PurchasePage(msgspec.Struct):
    """At most one purchase: a store prints a number once."""

    data: list[PurchaseOut]
    next: str | None = None
    has_more: bool = False


class DecisionPage(msgspec.Struct):
    data: list[DecisionOut]
    next: str | None = None
    has_more: bool = False


def compiled_for(request: Request) -> Compiled:
    """The rule set of the stamp that came with the authentication: no query when it stands."""
    stamps: dict[str, int] = request.stamps  # type: ignore[attr-defined]
    return rule_sets.current(stamps.get(rule_sets.STAMP, 0))


def refuse_store(actor: Actor, store: str | None) -> None:
    """Another store's till does not learn whether the store exists."""
    if store is not None and not actor.may_use_store(store):
        raise NotFound(pointer="/store")


def answer(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(wire.encode(body), status=status, content_type="application/json")


@extend_schema(tags=["sales"])
class QuoteViewSet(IdempotentMixin, ViewSet):
    """What a basket costs and earns. Nothing is stored; the answer is good for 15 minutes."""

    scopes = {"create": "sales:write"}
    rates = {"create": "quotes"}
    keyless = ("create",)

    @extend_schema(
        operation_id="quotes_create",
        request=json_body(QuoteBody),
        responses={200: schema_of(QuoteOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        body = decode_request(request, QuoteBody)
        actor, now, compiled = actor_of(request), clock.now(), compiled_for(request)
        refuse_store(actor, body.store)
        currency = compiled.programme.currency
        ask = ask_of(body, body.occurred_at or now, currency)
        cards = cards_of(gift_cards_of(body, currency), actor=actor)
        if not body.reserve:
            with guarded_ask(ask, actor=actor):
                return answer(
                    make_quote(ask=ask, compiled=compiled, gift_cards=cards, now=now, actor=actor)
                )
        # Of the caller as well: two integrations may use the same key.
        reference = str(uuid5(_HOLDS, f"{actor.id}:{idempotency_key(request)}"))

        def work() -> tuple[int, object]:
            return 200, reserve_quote(
                ask=ask,
                compiled=compiled,
                reference=reference,
                gift_cards=cards,
                now=now,
                actor=actor,
            )

        with guarded_ask(ask, actor=actor):
            return self.once(
                request, operation="quotes.create", store=body.store, validated=body, work=work
            )


_SOURCE_REF = OpenApiParameter("source_ref", str, required=True, description="Receipt number")
_STORE = OpenApiParameter("store", str, required=True, description="Code of the store")


@extend_schema(tags=["sales"])
class PurchaseViewSet(IdempotentMixin, ViewSet):
    """Receipts with their points. Repeats are safe by key and by receipt number."""

    query_parameters = ("source_ref", "store")
    scopes = {
        "find": "sales:read",
        "retrieve": "sales:read",
        "decisions": "sales:read",
        "create": "sales:write",
        "void": "sales:write",
        "refunds": "refunds:write",
    }
    rates = {"create": "commits"}

    @extend_schema(
        operation_id="purchases_create",
        request=json_body(PurchaseBody),
        responses={201: schema_of(PurchaseOut), 200: schema_of(PurchaseOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Record a sale that was paid for. Numbers that differ from its quote are refused."""
        body = decode_request(request, PurchaseBody)
        actor, now, compiled = actor_of(request), clock.now(), compiled_for(request)
        refuse_store(actor, body.store)
        sale = recognised(sale_of(body, compiled.programme.currency), actor=actor)

        def work() -> tuple[int, object]:
            done = commit_purchase(sale=sale, compiled=compiled, now=now, actor=actor)
            return (200 if done.is_duplicate else 201), committed_out(done)

        with guarded_ask(sale.ask, actor=actor):
            return self.once(
                request, operation="purchases.create", store=body.store, validated=body, work=work
            )

    @extend_schema(
        operation_id="purchases_find",
        parameters=[_SOURCE_REF, _STORE],
        responses={200: schema_of(PurchasePage)},
    )
    def find(self, request: Request) -> HttpResponse:
        """Find a sale by its receipt number: to learn what became of a request without answer."""
        refuse_unknown(request, {"source_ref", "store"})
        wanted = {name: request.query_params.get(name, "") for name in ("source_ref", "store")}
        if missing := [name for name, value in wanted.items() if not value]:
            raise ValidationFailed(errors=[fault(f"/query/{name}", "required") for name in missing])
        found = Receipt.objects.visible_to(actor_of(request)).filter(
            store__code=wanted["store"], number=wanted["source_ref"]
        )
        return answer(
            PurchasePage(
                [purchase_out(views.load(pk)) for pk in found.values_list("pk", flat=True)]
            )
        )

    @extend_schema(operation_id="purchases_retrieve", responses={200: schema_of(PurchaseOut)})
    def retrieve(self, request: Request, purchase_id: UUID) -> HttpResponse:
        """One sale with its lines, grants, decisions and refunds."""
        return answer(purchase_out(self._view(request, purchase_id)))

    @extend_schema(operation_id="purchases_decisions", responses={200: schema_of(DecisionPage)})
    def decisions(self, request: Request, purchase_id: UUID) -> HttpResponse:
        """Why this sale earned and cost what it did, in words."""
        return answer(DecisionPage(decisions_out(self._view(request, purchase_id))))

    @extend_schema(
        operation_id="purchases_refund",
        request=json_body(RefundBody),
        responses={201: schema_of(RefundedOut), 200: schema_of(RefundedOut)},
    )
    def refunds(self, request: Request, purchase_id: UUID) -> HttpResponse:
        """Take goods back: by lines, by quantity or by amount; once per store and number."""
        body = decode_request(request, RefundBody)
        refuse_store(actor_of(request), body.store)
        ask = refund_of(body, clock.now(), compiled_for(request).programme.currency)
        return self._give_back(request, purchase_id, ask, body)

    @extend_schema(
        operation_id="purchases_void",
        request=json_body(VoidBody),
        responses={201: schema_of(RefundedOut), 200: schema_of(RefundedOut)},
    )
    def void(self, request: Request, purchase_id: UUID) -> HttpResponse:
        """Cancel a sale on its own business day, while nothing has come back of it."""
        body = decode_request(request, VoidBody)
        ask = void_of(body, clock.now())
        return self._give_back(request, purchase_id, ask, body)

    def _give_back(
        self, request: Request, purchase_id: UUID, ask: RefundAsk, body: object
    ) -> HttpResponse:
        actor, now, compiled = actor_of(request), clock.now(), compiled_for(request)

        def work() -> tuple[int, object]:
            done = refund_purchase(
                public_id=purchase_id,
                ask=ask,
                programme=compiled.programme,
                now=now,
                actor=actor,
            )
            return (200 if done.is_duplicate else 201), refunded_out(done)

        return self.once(request, operation=f"purchases.{ask.kind}", validated=body, work=work)

    def _view(self, request: Request, purchase_id: UUID) -> views.PurchaseView:
        refuse_unknown(request, set())
        found = Receipt.objects.visible_to(actor_of(request)).filter(public_id=purchase_id)
        if (pk := found.values_list("pk", flat=True).first()) is None:
            raise NotFound
        return views.load(pk)
