"""Coupons and their batches: doors that parse, count guesses, call one service and present."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet, ViewSet

from loyalty_crm.kernel import clock, wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin, idempotency_key
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import ForbiddenScope, NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member, Store
from members.services.search import lookup_member
from rewards.api.bodies import MemberBody
from rewards.api.coupon_shapes import (
    AssignBody,
    CouponBatchBody,
    CouponBatchOut,
    CouponBatchPage,
    CouponDetail,
    CouponPage,
    RedeemCouponBody,
    ReserveBody,
    RevokeBody,
    RollbackBody,
    UseOut,
    ValidateBody,
    ValidOut,
    batch_out,
    coupon_out,
    use_out,
    valid_out,
)
from rewards.errors import MemberUnknown
from rewards.models import Coupon, CouponBatch
from rewards.rules.codes import clean_code
from rewards.services.coupons import batches, issuing, standalone
from rewards.services.coupons.guessing import guarded_codes, note_wrong
from rewards.services.coupons.standalone import Shown

_RESERVATIONS = UUID("0b7c9a1e-52c4-4f0c-9a57-5f1f6d8f2a90")  # names reservations by their keys
PAGE = [
    OpenApiParameter("limit", int, description="1 to 200, 50 if left out"),
    OpenApiParameter("after", str, description="Cursor of the page before"),
]


def answer(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(wire.encode(body), status=status, content_type="application/json")


def member_of(body: MemberBody | None, actor: Actor) -> Member | None:
    """The member who is shown; a wrong one is a wrong guess like any other."""
    if body is None:
        return None
    given = [(name, value) for name in ("id", "card", "phone") if (value := getattr(body, name))]
    if len(given) != 1:
        raise ValidationFailed(errors=[fault("/member", "exactly_one")])
    ((kind, value),) = given
    found = (
        Member.objects.filter(public_id=value).first()
        if kind == "id"
        else lookup_member(kind=kind, value=value)
    )
    if found is None or found.status == Member.Status.CLOSED:
        note_wrong(1)
        raise MemberUnknown(pointer="/member")
    return found


def code_of(text: str) -> str:
    if clean := clean_code(text):
        return clean
    raise ValidationFailed(errors=[fault("/code", "invalid")])


@extend_schema(tags=["coupons"])
class CouponViewSet(IdempotentMixin, ViewSet):
    """Coupons where the checkout is not ours. A sale of ours names its codes in ``coupons``."""

    scopes = {
        "validate": "coupons:redeem",
        "reserve": "coupons:redeem",
        "redeem": "coupons:redeem",
        "rollback": "coupons:redeem",
        "assign": "coupons:write",
        "revoke": "coupons:write",
    }
    rates = dict.fromkeys(("validate", "reserve", "redeem"), "lookups")
    keyless = ("validate",)

    @extend_schema(
        operation_id="coupons_validate",
        request=json_body(ValidateBody),
        responses={200: schema_of(ValidOut)},
    )
    def validate(self, request: Request) -> HttpResponse:
        """Whether a code holds in this store, now. Nothing is set aside."""
        body, actor = decode_request(request, ValidateBody), actor_of(request)
        self._refuse_store(body.store, actor)
        with guarded_codes([body.code], actor=actor, store=body.store):
            found = standalone.validate_coupon(shown=self._shown(body, actor), actor=actor)
        batch = CouponBatch.objects.values_list("public_id", flat=True).get(pk=found.batch_id)
        return answer(valid_out(found, batch))

    @extend_schema(
        operation_id="coupons_reserve",
        request=json_body(ReserveBody),
        responses={201: schema_of(UseOut)},
    )
    def reserve(self, request: Request) -> HttpResponse:
        """Set one use aside; ``reference`` of the answer is the reservation to redeem by."""
        body, actor = decode_request(request, ReserveBody), actor_of(request)
        reservation = uuid5(_RESERVATIONS, f"{actor.label} {idempotency_key(request)}")

        def work() -> object:
            return standalone.reserve_coupon(
                shown=self._shown(body, actor),
                reservation=reservation,
                lives=timedelta(minutes=body.minutes),
                now=clock.now(),
                actor=actor,
            )

        return self._use(request, "reserve", body, work)

    @extend_schema(
        operation_id="coupons_redeem",
        request=json_body(RedeemCouponBody),
        responses={201: schema_of(UseOut)},
    )
    def redeem(self, request: Request) -> HttpResponse:
        """Use a code, once per reference of yours."""
        body, actor = decode_request(request, RedeemCouponBody), actor_of(request)

        def work() -> object:
            shown = self._shown(body, actor, body.reservation)
            return standalone.redeem_coupon(shown=shown, reference=body.reference, actor=actor)

        return self._use(request, "redeem", body, work)

    @extend_schema(
        operation_id="coupons_rollback",
        request=json_body(RollbackBody),
        responses={201: schema_of(UseOut)},
    )
    def rollback(self, request: Request) -> HttpResponse:
        """Undo a use, or let go of a reservation, that your key made."""
        body, actor = decode_request(request, RollbackBody), actor_of(request)

        def work() -> tuple[int, object]:
            ended = standalone.roll_back(
                use_id=body.use, reference=body.reference, now=clock.now(), actor=actor
            )
            return 201, use_out(ended)

        return self.once(request, operation="coupons.rollback", validated=body, work=work)

    @extend_schema(
        operation_id="coupons_assign",
        request=json_body(AssignBody),
        responses={200: schema_of(CouponDetail)},
    )
    def assign(self, request: Request) -> HttpResponse:
        """Give a code that nobody owns to a member."""
        body, actor = decode_request(request, AssignBody), actor_of(request)

        def work() -> Coupon:
            member = member_of(body.member, actor)
            assert member is not None
            return issuing.assign_coupon(code=code_of(body.code), member=member, actor=actor)

        return self._coupon(request, "assign", body, work)

    @extend_schema(
        operation_id="coupons_revoke",
        request=json_body(RevokeBody),
        responses={200: schema_of(CouponDetail)},
    )
    def revoke(self, request: Request) -> HttpResponse:
        """No use of a code from now on; what it was used for stays."""
        body, actor = decode_request(request, RevokeBody), actor_of(request)

        def work() -> Coupon:
            return issuing.revoke_coupon(code=code_of(body.code), reason=body.reason, actor=actor)

        return self._coupon(request, "revoke", body, work)

    def _use(
        self,
        request: Request,
        verb: str,
        body: ReserveBody | RedeemCouponBody,
        work: Callable[[], Any],
    ) -> HttpResponse:
        actor = actor_of(request)
        self._refuse_store(body.store, actor)
        with guarded_codes([body.code], actor=actor, store=body.store):
            return self.once(
                request,
                operation=f"coupons.{verb}",
                store=body.store,
                validated=body,
                work=lambda: (201, use_out(work())),
            )

    def _coupon(
        self, request: Request, verb: str, body: AssignBody | RevokeBody, work: Callable[[], Coupon]
    ) -> HttpResponse:
        with guarded_codes([body.code], actor=actor_of(request), store=""):
            return self.once(
                request,
                operation=f"coupons.{verb}",
                validated=body,
                work=lambda: (200, coupon_out(work(), clock.now())),
            )

    def _shown(self, body: ValidateBody, actor: Actor, reservation: UUID | None = None) -> Shown:
        member = member_of(body.member, actor)
        return Shown(
            code=code_of(body.code),
            store=body.store,
            at=clock.now(),
            member_id=member.pk if member else None,
            reservation=reservation,
        )

    def _refuse_store(self, store: str, actor: Actor) -> None:
        known = Store.objects.visible_to(actor).filter(code=store, is_active=True)
        if not known.exists():
            raise NotFound(pointer="/store")


@extend_schema(tags=["coupons"])
class CouponBatchViewSet(IdempotentMixin, GenericViewSet[CouponBatch]):
    """Batches of codes. Codes themselves leave only by an approved export."""

    queryset = CouponBatch.objects.select_related("promotion", "job")
    filter_backends = []
    keyset = ("-created_at", "-id")
    query_parameters = ("limit", "after")
    scopes = {"browse": "coupons:read", "retrieve": "coupons:read", "create": "coupons:write"}

    @extend_schema(
        operation_id="coupon_batches_create",
        request=json_body(CouponBatchBody),
        responses={202: schema_of(CouponBatchOut), 201: schema_of(CouponBatchOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """Unique codes are made by a job (202, needs bulk:run); other kinds are ready (201)."""
        body, actor = decode_request(request, CouponBatchBody), actor_of(request)
        if body.kind == "unique" and not actor.has_scope("bulk:run"):
            raise ForbiddenScope(required="bulk:run")
        terms = batches.BatchTerms(**msgspec.structs.asdict(body))

        def work() -> tuple[int, object]:
            batch = batches.create_batch(terms=terms, actor=actor)
            if body.kind == "unique":
                batches.start_generating(batch=batch, actor=actor)
            made = self.get_queryset().get(pk=batch.pk)
            return (202 if made.job else 201), batch_out(made)

        return self.once(request, operation="coupon_batches.create", validated=body, work=work)

    @extend_schema(
        operation_id="coupon_batches_list",
        parameters=PAGE,
        responses={200: schema_of(CouponBatchPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """All batches, the newest first, with how far they are."""
        refuse_unknown(request, {"limit", "after"})
        page = self.paginate_queryset(self.get_queryset()) or []
        return answer(self.get_paginated_response([batch_out(each) for each in page]).data)

    @extend_schema(
        operation_id="coupon_batches_retrieve", responses={200: schema_of(CouponBatchOut)}
    )
    def retrieve(self, request: Request, batch_id: UUID) -> HttpResponse:
        refuse_unknown(request, set())
        if (found := self.get_queryset().filter(public_id=batch_id).first()) is None:
            raise NotFound
        return answer(batch_out(found))


@extend_schema(tags=["coupons"])
class MemberCouponViewSet(GenericViewSet[Coupon]):
    """What one member was given, the newest first."""

    queryset = Coupon.objects.select_related("batch__promotion")
    filter_backends = []
    keyset = ("-id",)
    query_parameters = ("limit", "after")
    scopes = {"browse": "coupons:read"}

    @extend_schema(
        operation_id="member_coupons_list",
        parameters=PAGE,
        responses={200: schema_of(CouponPage)},
    )
    def browse(self, request: Request, member_id: UUID) -> HttpResponse:
        refuse_unknown(request, {"limit", "after"})
        known = Member.objects.visible_to(actor_of(request)).filter(public_id=member_id)
        if (member := known.first()) is None:
            raise NotFound
        now = clock.now()
        mine: QuerySet[Coupon] = self.get_queryset().filter(member=member)
        page = self.paginate_queryset(mine) or []
        return answer(self.get_paginated_response([coupon_out(one, now) for one in page]).data)
