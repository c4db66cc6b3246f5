"""Trying promotions: one basket at once, past receipts by a job, points after the fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet, ViewSet

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from rewards.api.checkout import answer, compiled_for, refuse_store
from rewards.api.promotion_shapes import PAGE, EmptyBody, VersionOut, version_out
from rewards.api.tryout_bodies import (
    BackTestBody,
    BackTestOut,
    BackTestRowOut,
    BackTestRowPage,
    RetroBatchBody,
    RetroBatchOut,
    RetroItemOut,
    RetroItemPage,
    SimulationBody,
    backtest_out,
    period_of,
    question_of,
    refs_of,
    retro_out,
)
from rewards.models import BackTest, BackTestCell, Promotion, RetroBatch, RetroItem
from rewards.services.programmes import default_programme
from rewards.services.tryout import backtests, retro, sandbox
from rewards.services.tryout.pilots import end_pilot
from rewards.services.tryout.sandbox import SimulationOut

_DIMENSION = OpenApiParameter(
    "dimension", str, required=True, enum=list(BackTestCell.Dimension.values)
)


@extend_schema(tags=["rules"])
class SimulationViewSet(ViewSet):
    """A basket under the live rules and under others. Nothing is written."""

    scopes = {"create": "rules:read"}

    @extend_schema(
        operation_id="simulations_create",
        request=json_body(SimulationBody),
        responses={200: schema_of(SimulationOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Price a basket twice: as it is, and with drafts or without promotions."""
        body = decode_request(request, SimulationBody)
        refuse_store(actor_of(request), body.store)
        compiled = compiled_for(request)
        question = question_of(body, clock.now(), compiled.programme.currency)
        return answer(sandbox.simulate(question=question, compiled=compiled))


@extend_schema(tags=["rules"])
class PilotViewSet(IdempotentMixin, ViewSet):
    """Promotions that are live for some."""

    scopes = {"end_pilot": "rules:write"}

    @extend_schema(
        operation_id="promotions_end_pilot",
        request=json_body(EmptyBody),
        responses={200: schema_of(VersionOut)},
    )
    def end_pilot(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Publish the pilot to everybody, as a new version; or hand that over for review."""
        body, actor = decode_request(request, EmptyBody), actor_of(request)

        def work() -> tuple[int, object]:
            known = Promotion.objects.select_related("programme").filter(public_id=promotion_id)
            if (promotion := known.first()) is None:
                raise NotFound
            return 200, version_out(end_pilot(promotion=promotion, actor=actor))

        return self.once(request, operation="promotions.end_pilot", validated=body, work=work)


def stores_of(actor: Actor, named: list[str]) -> list[str]:
    """The stores to look at: those named, else all that the caller may see."""
    for code in named:
        refuse_store(actor, code)
    return named or sorted(actor.stores or ())


@extend_schema(tags=["rules"])
class BackTestViewSet(IdempotentMixin, GenericViewSet[BackTestCell]):
    """Past receipts under other promotions. A worker reads them; nothing of them changes."""

    queryset = BackTestCell.objects.all()
    filter_backends = []
    keyset = ("place", "id")
    query_parameters = ("dimension", "limit", "after")
    scopes = {
        "create": "bulk:run",
        "retrieve": "bulk:run",
        "rows": "bulk:run",
        "cancel": "bulk:run",
    }

    @extend_schema(
        operation_id="backtests_create",
        request=json_body(BackTestBody),
        responses={202: schema_of(BackTestOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Ask for a back-test; follow it by its own address or by its job."""
        body, actor = decode_request(request, BackTestBody), actor_of(request)
        stores = stores_of(actor, body.stores)

        def work() -> tuple[int, object]:
            test = backtests.start(
                programme=default_programme(),
                versions=refs_of(body.versions),
                without=body.without,
                period=period_of(body, stores),
                baseline=body.baseline,
                name=body.name,
                actor=actor,
            )
            return 202, backtest_out(test)

        return self.once(request, operation="backtests.create", validated=body, work=work)

    @extend_schema(operation_id="backtests_retrieve", responses={200: schema_of(BackTestOut)})
    def retrieve(self, request: Request, backtest_id: UUID) -> HttpResponse:
        """How far it is, and in the end its totals."""
        refuse_unknown(request, set())
        return answer(backtest_out(self._found(request, backtest_id)))

    @extend_schema(
        operation_id="backtests_rows",
        parameters=[_DIMENSION, *PAGE],
        responses={200: schema_of(BackTestRowPage)},
    )
    def rows(self, request: Request, backtest_id: UUID) -> HttpResponse:
        """The table by one dimension: days, stores, categories, segments, promotions."""
        refuse_unknown(request, set(self.query_parameters))
        dimension = request.query_params.get("dimension", "")
        if dimension not in BackTestCell.Dimension.values:
            raise ValidationFailed(errors=[fault("/query/dimension", "invalid_choice")])
        test = self._found(request, backtest_id)
        page = self.paginate_queryset(test.cells.filter(dimension=dimension)) or []
        return answer(self.get_paginated_response([_row_out(cell) for cell in page]).data)

    @extend_schema(
        operation_id="backtests_cancel",
        request=json_body(EmptyBody),
        responses={200: schema_of(BackTestOut)},
    )
    def cancel(self, request: Request, backtest_id: UUID) -> HttpResponse:
        """Stop it. One that has ended stays as it is."""
        body = decode_request(request, EmptyBody)

        def work() -> tuple[int, object]:
            test = self._found(request, backtest_id)
            return 200, backtest_out(backtests.cancel(test=test, actor=actor_of(request)))

        return self.once(request, operation="backtests.cancel", validated=body, work=work)

    def _found(self, request: Request, backtest_id: UUID) -> BackTest:
        """An integration sees the back-tests that it asked for."""
        own = BackTest.objects.with_job().filter(created_by=actor_of(request).label)
        if (test := own.filter(public_id=backtest_id).first()) is None:
            raise NotFound
        return test


def _row_out(cell: BackTestCell) -> BackTestRowOut:
    return BackTestRowOut(
        **{name: getattr(cell, name) for name in BackTestRowOut.__struct_fields__}
    )


@extend_schema(tags=["rules"])
class RetroBatchViewSet(IdempotentMixin, GenericViewSet[RetroItem]):
    """Points for past receipts: counted, approved by somebody else, applied, undone."""

    queryset = RetroItem.objects.select_related("receipt__store", "member")
    filter_backends = []
    keyset = ("id",)
    query_parameters = ("limit", "after")
    scopes = {
        "create": "adjustments:request",
        "retrieve": "adjustments:request",
        "items": "adjustments:request",
        "cancel": "adjustments:request",
        "approve": "adjustments:approve",
        "apply": "adjustments:approve",
        "undo": "adjustments:approve",
    }

    @extend_schema(
        operation_id="retro_batches_create",
        request=json_body(RetroBatchBody),
        responses={202: schema_of(RetroBatchOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Ask what versions would have granted. A worker counts; nothing moves."""
        body, actor = decode_request(request, RetroBatchBody), actor_of(request)
        if actor.stores is not None:
            raise NotFound(pointer="/stores")

        def work() -> tuple[int, object]:
            batch = retro.create(
                programme=default_programme(),
                versions=refs_of(body.versions),
                without=body.without,
                period=period_of(body, body.stores),
                reason=body.reason,
                actor=actor,
            )
            return 202, retro_out(batch)

        return self.once(request, operation="retro_batches.create", validated=body, work=work)

    @extend_schema(operation_id="retro_batches_retrieve", responses={200: schema_of(RetroBatchOut)})
    def retrieve(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Where a batch stands, and what it comes to."""
        refuse_unknown(request, set())
        return answer(retro_out(retro.find(batch_id, actor_of(request))))

    @extend_schema(
        operation_id="retro_batches_items",
        parameters=PAGE,
        responses={200: schema_of(RetroItemPage)},
    )
    def items(self, request: Request, batch_id: UUID) -> HttpResponse:
        """The receipts of a batch, and the points of each."""
        refuse_unknown(request, set(self.query_parameters))
        batch = retro.find(batch_id, actor_of(request))
        page = self.paginate_queryset(self.get_queryset().filter(batch=batch)) or []
        return answer(self.get_paginated_response([_item_out(item) for item in page]).data)

    @extend_schema(
        operation_id="retro_batches_approve",
        request=json_body(EmptyBody),
        responses={200: schema_of(RetroBatchOut)},
    )
    def approve(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Say yes to what was counted; whoever asked for it may not."""
        return self._step(request, batch_id, "approve", 200, retro.approve)

    @extend_schema(
        operation_id="retro_batches_apply",
        request=json_body(EmptyBody),
        responses={202: schema_of(RetroBatchOut)},
    )
    def apply(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Let the points move. A repeat answers where the batch stands."""
        return self._step(request, batch_id, "apply", 202, retro.apply)

    @extend_schema(
        operation_id="retro_batches_undo",
        request=json_body(EmptyBody),
        responses={202: schema_of(RetroBatchOut)},
    )
    def undo(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Take back what was applied, once."""
        return self._step(request, batch_id, "undo", 202, retro.undo)

    @extend_schema(
        operation_id="retro_batches_cancel",
        request=json_body(EmptyBody),
        responses={200: schema_of(RetroBatchOut)},
    )
    def cancel(self, request: Request, batch_id: UUID) -> HttpResponse:
        """Drop a batch that has moved nothing."""
        return self._step(request, batch_id, "cancel", 200, retro.cancel)

    def _step(
        self,
        request: Request,
        batch_id: UUID,
        name: str,
        status: int,
        step: Callable[..., RetroBatch],
    ) -> HttpResponse:
        body, actor = decode_request(request, EmptyBody), actor_of(request)

        def work() -> tuple[int, Any]:
            return status, retro_out(step(batch=retro.find(batch_id, actor), actor=actor))

        return self.once(request, operation=f"retro_batches.{name}", validated=body, work=work)


def _item_out(item: RetroItem) -> RetroItemOut:
    return RetroItemOut(
        receipt=item.receipt.public_id,
        source_ref=item.receipt.number,
        store=item.receipt.store.code,
        member=item.member.public_id,
        points=item.points,
        state=item.state,
        moved=item.moved,
        moved_back=item.back,
    )
