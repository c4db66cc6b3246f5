"""Versions of a promotion: worded, reviewed, scheduled, published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.etags import IF_MATCH
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from rewards.api.promotion_base import PromotionView, answer
from rewards.api.promotion_shapes import (
    PAGE,
    EmptyBody,
    PublishBody,
    ReasonBody,
    ScheduleBody,
    VersionBody,
    VersionOut,
    VersionPage,
    version_out,
)
from rewards.models import Promotion, PromotionVersion
from rewards.services import promotions


@extend_schema(tags=["rules"])
class VersionViewSet(PromotionView):
    """The wordings of a promotion. Each step answers with the version as it then is."""

    keyset = ("-number",)
    query_parameters = ("limit", "after")
    scopes = {
        "browse": "rules:read",
        "draft": "rules:write",
        "submit": "rules:write",
        "withdraw": "rules:write",
        "discard": "rules:write",
        "approve": "rules:approve",
        "reject": "rules:approve",
        "schedule": "rules:write",
        "publish": "rules:write",
    }

    @extend_schema(
        operation_id="promotions_versions",
        parameters=PAGE,
        responses={200: schema_of(VersionPage)},
    )
    def browse(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Every version, the newest first."""
        refuse_unknown(request, self.query_parameters)
        rows: Any = self.promotion().versions.all()
        page: list[Any] = self.paginate_queryset(rows) or []
        return answer(self.get_paginated_response([version_out(each) for each in page]).data)

    @extend_schema(
        operation_id="promotions_draft",
        parameters=[IF_MATCH],
        request=json_body(VersionBody),
        responses={201: schema_of(VersionOut)},
    )
    def draft(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Word a promotion anew. Nobody sees the draft before it is published."""
        body = decode_request(request, VersionBody)

        def work(promotion: Promotion) -> tuple[int, object]:
            drafted = promotions.draft(
                promotion=promotion,
                definition=body.definition,
                priority=body.priority,
                actor=actor_of(request),
            )
            return 201, self.with_warnings(request, drafted)

        return self.change(request, operation="promotions.draft", validated=body, work=work)

    @extend_schema(
        operation_id="promotions_submit",
        parameters=[IF_MATCH],
        request=json_body(EmptyBody),
        responses={200: schema_of(VersionOut)},
    )
    def submit(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Hand a draft over for review."""
        body = decode_request(request, EmptyBody)
        return self._step(
            request,
            "submit",
            body,
            lambda version: promotions.submit(version=version, actor=actor_of(request)),
        )

    @extend_schema(
        operation_id="promotions_withdraw",
        parameters=[IF_MATCH],
        request=json_body(EmptyBody),
        responses={200: schema_of(VersionOut)},
    )
    def withdraw(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Back to a draft: from review, or from a date that has not come."""
        body = decode_request(request, EmptyBody)
        return self._step(
            request,
            "withdraw",
            body,
            lambda version: promotions.withdraw(version=version, actor=actor_of(request)),
        )

    @extend_schema(
        operation_id="promotions_discard",
        parameters=[IF_MATCH],
        request=json_body(EmptyBody),
        responses={200: schema_of(VersionOut)},
    )
    def discard(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Put a draft away for good."""
        body = decode_request(request, EmptyBody)
        return self._step(
            request,
            "discard",
            body,
            lambda version: promotions.discard(version=version, actor=actor_of(request)),
        )

    @extend_schema(
        operation_id="promotions_approve",
        parameters=[IF_MATCH],
        request=json_body(EmptyBody),
        responses={200: schema_of(VersionOut)},
    )
    def approve(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Say yes to a version in review. Its author may not."""
        body = decode_request(request, EmptyBody)
        return self._step(
            request,
            "approve",
            body,
            lambda version: promotions.approve(version=version, actor=actor_of(request)),
        )

    @extend_schema(
        operation_id="promotions_reject",
        parameters=[IF_MATCH],
        request=json_body(ReasonBody),
        responses={200: schema_of(VersionOut)},
    )
    def reject(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Say no to a version in review: it is a draft again."""
        body = decode_request(request, ReasonBody)
        return self._step(
            request,
            "reject",
            body,
            lambda version: promotions.reject(
                version=version, reason=body.reason, actor=actor_of(request)
            ),
        )

    @extend_schema(
        operation_id="promotions_schedule",
        parameters=[IF_MATCH],
        request=json_body(ScheduleBody),
        responses={200: schema_of(VersionOut)},
    )
    def schedule(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Let a version begin at a moment to come; the live one ends then."""
        body = decode_request(request, ScheduleBody)
        return self._step(
            request,
            "schedule",
            body,
            lambda version: promotions.schedule(
                version=version,
                starts_at=body.starts_at,
                ends_at=body.ends_at,
                actor=actor_of(request),
            ),
        )

    @extend_schema(
        operation_id="promotions_publish",
        parameters=[IF_MATCH],
        request=json_body(PublishBody),
        responses={200: schema_of(VersionOut)},
    )
    def publish(self, request: Request, promotion_id: UUID, number: int) -> HttpResponse:
        """Put a version at the tills; the live version ends at the same moment."""
        body = decode_request(request, PublishBody)
        return self._step(
            request,
            "publish",
            body,
            lambda version: promotions.go_live(
                version=version,
                starts_at=body.starts_at or clock.now(),
                ends_at=body.ends_at,
                actor=actor_of(request),
            ),
        )

    def _step(
        self,
        request: Request,
        word: str,
        body: Body,
        step: Callable[[PromotionVersion], PromotionVersion],
    ) -> HttpResponse:
        def work(promotion: Promotion) -> tuple[int, object]:
            return 200, self.with_warnings(request, step(self.version()))

        return self.change(request, operation=f"promotions.{word}", validated=body, work=work)
