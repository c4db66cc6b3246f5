"""The programme's settings, and promotions with their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet, ViewSet

from loyalty_crm.kernel import wire
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.rules import definitions
from rewards.services import promotions
from rewards.services.programmes import default_programme

Moment = Annotated[datetime, Meta(tz=True)]
Priority = Annotated[int, Meta(ge=0, le=1_000_000)]


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
    min_redeem_points: int
    activation_delay_days: int
    expiry: str
    expiry_days: int
    expiry_dates: list[str]
    expiry_bucket: str
    offline_redeem_limit: int
    version: int


class VersionOut(msgspec.Struct, kw_only=True):
    number: int
    state: str
    priority: int
    definition: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    created_by: str


class PromotionOut(msgspec.Struct, kw_only=True):
    """A promotion with its versions, the newest first; at most one of them is live."""

    id: UUID
    code: str
    name: str
    created_at: datetime
    versions: list[VersionOut]


class PromotionPage(msgspec.Struct, kw_only=True):
    data: list[PromotionOut]
    next: str | None
    has_more: bool


class PromotionBody(Body, kw_only=True):
    code: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$(?!\n)")]
    name: Annotated[str, Meta(min_length=1, max_length=200)]


class VersionBody(Body, kw_only=True):
    """``definition`` follows the schema at ``promotions/schema``."""

    definition: dict[str, Any]
    priority: Priority = 100


class PublishBody(Body, kw_only=True):
    """From when to when; without a start at once."""

    starts_at: Moment | None = None
    ends_at: Moment | None = None


class PauseBody(Body, kw_only=True):
    reason: Annotated[str, Meta(max_length=200)] = ""


PAGE = [
    OpenApiParameter("limit", int, description="1 to 200, 50 if left out"),
    OpenApiParameter("after", str, description="Cursor of the page before"),
]


def answer(body: object) -> HttpResponse:
    return HttpResponse(wire.encode(body), content_type="application/json")


def programme_out(programme: Programme) -> ProgrammeOut:
    names = [name for name in ProgrammeOut.__struct_fields__ if name != "point_value"]
    values = {name: getattr(programme, name) for name in names}
    return ProgrammeOut(point_value=programme.point_value_minor, **values)


def promotion_out(promotion: Promotion) -> PromotionOut:
    versions = sorted(promotion.versions.all(), key=lambda version: -version.number)
    return PromotionOut(
        id=promotion.public_id,
        code=promotion.code,
        name=promotion.name,
        created_at=promotion.created_at,
        versions=[_version(version) for version in versions],
    )


def _version(version: PromotionVersion) -> VersionOut:
    return VersionOut(**{name: getattr(version, name) for name in VersionOut.__struct_fields__})


@extend_schema(tags=["rules"])
class ProgrammeViewSet(ViewSet):
    """The settings of the points programme."""

    scopes = {"retrieve": "rules:read"}

    @extend_schema(operation_id="programme_retrieve", responses={200: schema_of(ProgrammeOut)})
    def retrieve(self, request: Request) -> HttpResponse:
        refuse_unknown(request, set())
        return answer(programme_out(default_programme()))


@extend_schema(tags=["rules"])
class PromotionViewSet(IdempotentMixin, GenericViewSet[Promotion]):
    """Promotions. A version never changes once it is written; publishing puts it at the tills."""

    queryset = Promotion.objects.prefetch_related("versions")
    filter_backends = []
    keyset = ("-created_at", "-id")
    query_parameters = ("limit", "after")
    scopes = {
        "browse": "rules:read",
        "retrieve": "rules:read",
        "definition_schema": "rules:read",
        "create": "rules:write",
        "versions": "rules:write",
        "publish": "rules:write",
        "pause": "rules:write",
        "resume": "rules:write",
    }

    @extend_schema(
        operation_id="promotions_list",
        parameters=PAGE,
        responses={200: schema_of(PromotionPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """All promotions, the newest first."""
        refuse_unknown(request, {"limit", "after"})
        page = self.paginate_queryset(self.get_queryset()) or []
        response = self.get_paginated_response([promotion_out(each) for each in page])
        return answer(response.data)

    @extend_schema(operation_id="promotions_retrieve", responses={200: schema_of(PromotionOut)})
    def retrieve(self, request: Request, promotion_id: UUID) -> HttpResponse:
        refuse_unknown(request, set())
        return answer(promotion_out(self._found(promotion_id)))

    @extend_schema(operation_id="promotions_schema", responses={200: {"type": "object"}})
    def definition_schema(self, request: Request) -> HttpResponse:
        """The JSON schema of a definition: every condition and effect there is."""
        return answer(definitions.schema())

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
            return 201, promotion_out(made)

        return self.once(request, operation="promotions.create", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_draft",
        request=json_body(VersionBody),
        responses={201: schema_of(VersionOut)},
    )
    def versions(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Word a promotion anew. Nobody sees the draft before it is published."""
        body = decode_request(request, VersionBody)

        def work() -> tuple[int, object]:
            drafted = promotions.draft(
                promotion=self._found(promotion_id),
                definition=body.definition,
                priority=body.priority,
                actor=actor_of(request),
            )
            return 201, _version(drafted)

        return self.once(request, operation="promotions.draft", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_publish",
        request=json_body(PublishBody),
        responses={200: schema_of(VersionOut)},
    )
    def publish(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Put a draft at the tills; the live version ends at the same moment."""
        body = decode_request(request, PublishBody)

        def work() -> tuple[int, object]:
            version = self._found(promotion_id).versions.filter(number=number).first()
            if version is None:
                raise NotFound
            live = promotions.go_live(
                version=version,
                starts_at=body.starts_at,
                ends_at=body.ends_at,
                actor=actor_of(request),
            )
            return 200, _version(live)

        return self.once(request, operation="promotions.publish", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_pause",
        request=json_body(PauseBody),
        responses={200: schema_of(VersionOut)},
    )
    def pause(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Stop a promotion from now on."""
        body = decode_request(request, PauseBody)

        def work() -> tuple[int, object]:
            paused = promotions.pause(
                promotion=self._found(promotion_id), reason=body.reason, actor=actor_of(request)
            )
            return 200, _version(paused)

        return self.once(request, operation="promotions.pause", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_resume",
        request=json_body(PauseBody),
        responses={200: schema_of(VersionOut)},
    )
    def resume(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Let the paused wording go live again, as a version of its own."""
        body = decode_request(request, PauseBody)

        def work() -> tuple[int, object]:
            resumed = promotions.resume(
                promotion=self._found(promotion_id), actor=actor_of(request)
            )
            return 200, _version(resumed)

        return self.once(request, operation="promotions.resume", validated=body, work=work)

    def _found(self, promotion_id: UUID) -> Promotion:
        queryset: QuerySet[Promotion] = self.get_queryset()
        if (found := queryset.filter(public_id=promotion_id).first()) is None:
            raise NotFound
        return found
