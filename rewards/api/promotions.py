"""Promotions: found, made, named, paused, resumed, ended, copied, looked over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.etags import IF_MATCH, with_etag
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from rewards.api.checkout import compiled_for
from rewards.api.promotion_base import PromotionView, answer, one, shown
from rewards.api.promotion_shapes import (
    PAGE,
    DuplicateBody,
    EndBody,
    OddPage,
    OddPromotion,
    PromotionBody,
    PromotionOut,
    PromotionPage,
    ReasonBody,
    RenameBody,
    VersionOut,
    promotion_out,
    version_out,
)
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.models.promotions import STATES
from rewards.rules import definitions
from rewards.services import promotions
from rewards.services.programmes import default_programme
from rewards.services.promotion_warnings import warnings_of

FILTERS = [
    OpenApiParameter("state", str, enum=list(STATES)),
    OpenApiParameter("code", str, description="Exactly this code"),
    OpenApiParameter("text", str, description="A part of the name or code"),
]


class ProgrammeOut(msgspec.Struct, kw_only=True):
    """What a point is, how it is earned, kept, spent and lost."""

    code: str
    name: str
    currency: str
    time_zone: str
    points_scale: int
    point_value: int
    rounding: str
    earning_base: str
    max_points_share_percent: int
    tax_mode: str
    tax_basis_points: int
    min_redeem_points: int
    activation_delay_days: int
    expiry: str
    expiry_days: int
    expiry_dates: list[str]
    expiry_bucket: str
    offline_redeem_limit: int
    max_discount_percent: int
    never_below_cost: bool
    price_floor_percent: int
    promotions_need_review: bool
    version: int


def programme_out(programme: Programme) -> ProgrammeOut:
    names = [name for name in ProgrammeOut.__struct_fields__ if name != "point_value"]
    values = {name: getattr(programme, name) for name in names}
    return ProgrammeOut(point_value=programme.point_value_minor, **values)


@extend_schema(tags=["rules"])
class ProgrammeViewSet(ViewSet):
    """The settings of the points programme."""

    scopes = {"retrieve": "rules:read"}

    @extend_schema(operation_id="programme_retrieve", responses={200: schema_of(ProgrammeOut)})
    def retrieve(self, request: Request) -> HttpResponse:
        refuse_unknown(request, set())
        return answer(programme_out(default_programme()))


@extend_schema(tags=["rules"])
class PromotionViewSet(PromotionView):
    """Promotions. A version never changes once it is written; publishing puts it at the tills."""

    keyset = ("-created_at", "-id")
    query_parameters = ("limit", "after", "state", "code", "text")
    scopes = {
        "browse": "rules:read",
        "retrieve": "rules:read",
        "definition_schema": "rules:read",
        "lint": "rules:read",
        "create": "rules:write",
        "rename": "rules:write",
        "duplicate": "rules:write",
        "pause": "rules:write",
        "resume": "rules:write",
        "end": "rules:write",
    }

    @extend_schema(
        operation_id="promotions_list",
        parameters=[*PAGE, *FILTERS],
        responses={200: schema_of(PromotionPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """All promotions, the newest first."""
        refuse_unknown(request, self.query_parameters)
        page = self.paginate_queryset(_filtered(shown(), request)) or []
        response = self.get_paginated_response([promotion_out(each) for each in page])
        return answer(response.data)

    @extend_schema(operation_id="promotions_retrieve", responses={200: schema_of(PromotionOut)})
    def retrieve(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """One promotion, with warnings about its versions. The ETag is its revision."""
        refuse_unknown(request, set())
        if (found := shown().filter(public_id=promotion_id).first()) is None:
            raise NotFound
        # A version's rule is compiled with the promotion's names; they are here already.
        versions = [_with_promotion(each, found) for each in found.newest]
        open_ones = [each for each in versions if each.state != PromotionVersion.State.ENDED]
        warnings = warnings_of(open_ones, compiled_for(request))
        return with_etag(answer(promotion_out(found, warnings)), found.revision)

    @extend_schema(operation_id="promotions_schema", responses={200: {"type": "object"}})
    def definition_schema(self, request: Request) -> HttpResponse:
        """The JSON schema of a definition: every condition and effect there is."""
        return answer(definitions.schema())

    @extend_schema(
        operation_id="promotions_lint", parameters=PAGE, responses={200: schema_of(OddPage)}
    )
    def lint(self, request: Request) -> HttpResponse:
        """Warnings about what is live, scheduled or paused: each page looks at ``limit``
        promotions and shows those that have any."""
        refuse_unknown(request, {"limit", "after"})
        running = ["live", "scheduled", "paused"]
        rows = Promotion.objects.filter(versions__state__in=running).distinct()
        page = self.paginate_queryset(rows) or []
        versions = PromotionVersion.objects.filter(promotion__in=page, state__in=running)
        found = list(versions.select_related("promotion").order_by("promotion_id", "number"))
        warnings = warnings_of(found, compiled_for(request))
        odd = [_odd(each, warnings[each.pk]) for each in found if warnings[each.pk]]
        return answer(self.get_paginated_response(odd).data)

    @extend_schema(
        operation_id="promotions_create",
        request=json_body(PromotionBody),
        responses={201: schema_of(PromotionOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """A promotion that does nothing until a version of it is published."""
        body = decode_request(request, PromotionBody)

        def work() -> tuple[int, object]:
            made = promotions.create(
                programme=default_programme(),
                code=body.code,
                name=body.name,
                actor=actor_of(request),
            )
            return 201, one(made.public_id)

        return self.once(request, operation="promotions.create", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_rename",
        parameters=[IF_MATCH],
        request=json_body(RenameBody),
        responses={200: schema_of(PromotionOut)},
    )
    def rename(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Another name, on screens and receipts from now on."""
        body = decode_request(request, RenameBody)

        def work(promotion: Promotion) -> tuple[int, object]:
            promotions.rename(promotion=promotion, name=body.name, actor=actor_of(request))
            return 200, one(promotion_id)

        return self.change(request, operation="promotions.rename", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_duplicate",
        request=json_body(DuplicateBody),
        responses={201: schema_of(PromotionOut)},
    )
    def duplicate(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """A new promotion whose first draft is a copy of one version."""
        body = decode_request(request, DuplicateBody)

        def work() -> tuple[int, object]:
            made = promotions.duplicate(
                version=_wording(self.promotion(), body.version),
                code=body.code,
                name=body.name,
                actor=actor_of(request),
            )
            return 201, one(made.public_id)

        return self.once(request, operation="promotions.duplicate", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_pause",
        parameters=[IF_MATCH],
        request=json_body(ReasonBody),
        responses={200: schema_of(VersionOut)},
    )
    def pause(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Stop a promotion from now on."""
        body = decode_request(request, ReasonBody)

        def work(promotion: Promotion) -> tuple[int, object]:
            paused = promotions.pause(
                promotion=promotion, reason=body.reason, actor=actor_of(request)
            )
            return 200, version_out(paused)

        return self.change(request, operation="promotions.pause", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_resume",
        parameters=[IF_MATCH],
        request=json_body(ReasonBody),
        responses={200: schema_of(VersionOut)},
    )
    def resume(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Let the paused wording go live again, as a version of its own."""
        body = decode_request(request, ReasonBody)

        def work(promotion: Promotion) -> tuple[int, object]:
            resumed = promotions.resume(
                promotion=promotion, reason=body.reason, actor=actor_of(request)
            )
            return 200, version_out(resumed)

        return self.change(request, operation="promotions.resume", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_end",
        parameters=[IF_MATCH],
        request=json_body(EndBody),
        responses={200: schema_of(VersionOut)},
    )
    def end(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """End a promotion, now or at a moment to come. Now calls a scheduled version off too."""
        body = decode_request(request, EndBody)

        def work(promotion: Promotion) -> tuple[int, object]:
            ended = promotions.end(
                promotion=promotion, at=body.at, reason=body.reason, actor=actor_of(request)
            )
            return 200, version_out(ended)

        return self.change(request, operation="promotions.end", validated=body, work=work)


def _filtered(rows: Any, request: Request) -> Any:
    asked = request.query_params
    if (state := asked.get("state")) is not None:
        if state not in STATES:
            raise ValidationFailed(errors=[fault("/query/state", "invalid_choice")])
        rows = rows.filter(state=state)
    if code := asked.get("code"):
        rows = rows.filter(code=code)
    if text := asked.get("text"):
        rows = rows.named_like(text)
    return rows


def _wording(promotion: Promotion, number: int | None) -> PromotionVersion:
    versions = promotion.versions.select_related("promotion__programme").order_by("-number")
    if number is not None:
        versions = versions.filter(number=number)
    if (found := versions.first()) is None:
        raise NotFound(pointer="/version")
    return found


def _with_promotion(version: PromotionVersion, promotion: Promotion) -> PromotionVersion:
    version.promotion = promotion
    return version


def _odd(version: PromotionVersion, warnings: Any) -> OddPromotion:
    return OddPromotion(
        id=version.promotion.public_id,
        code=version.promotion.code,
        version=version.number,
        state=version.state,
        warnings=warnings,
    )
