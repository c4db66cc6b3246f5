"""The configuration as files over the API: exported, planned, applied."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import ForbiddenScope, ValidationFailed
from loyalty_crm.kernel.problems import fault
from rewards.api.promotion_base import answer
from rewards.api.promotion_shapes import EmptyBody
from rewards.services.config import Plan, apply_files, export_files, plan_files
from rewards.services.config.shapes import PROGRAMME
from rewards.services.programmes import default_programme

REVIEW = "promotions_need_review"


class ConfigOut(msgspec.Struct, kw_only=True):
    """Documents by path, as ``config export`` writes them."""

    files: dict[str, Any]


class ImportBody(Body, kw_only=True):
    """``plan`` is the digest of the plan that was looked at; ``?plan=true`` goes without.

    ``drafts``: new wordings become drafts, and nothing that runs is touched.
    """

    files: dict[str, dict[str, Any]]
    plan: Annotated[str, Meta(max_length=64)] = ""
    drafts: bool = False


@extend_schema(tags=["rules"])
class ConfigViewSet(IdempotentMixin, ViewSet):
    """Promotions, stacking groups and settings, carried from one shop to another."""

    query_parameters = ("plan",)
    keyless = ("export",)
    scopes = {"export": "rules:read", "take": "rules:write"}

    @extend_schema(
        operation_id="config_export",
        request=json_body(EmptyBody),
        responses={200: schema_of(ConfigOut)},
    )
    def export(self, request: Request) -> HttpResponse:
        """The shop's configuration. Changes nothing."""
        refuse_unknown(request, set())
        decode_request(request, EmptyBody)
        return answer(ConfigOut(files=export_files(default_programme())))

    @extend_schema(
        operation_id="config_import",
        parameters=[OpenApiParameter("plan", bool, description="true: say what would change")],
        request=json_body(ImportBody),
        responses={200: schema_of(Plan)},
    )
    def take(self, request: Request) -> HttpResponse:
        """Plan or apply files. Applied is only the plan whose digest is sent."""
        body = decode_request(request, ImportBody)
        if _planning(request):
            return answer(plan_files(body.files, as_drafts=body.drafts))
        if not body.plan:
            raise ValidationFailed(errors=[fault("/plan", "required")])
        _refuse_review(request, body)

        def work() -> tuple[int, object]:
            plan = apply_files(
                body.files, digest=body.plan, as_drafts=body.drafts, actor=actor_of(request)
            )
            return 200, plan

        return self.once(request, operation="config.import", validated=body, work=work)


def _planning(request: Request) -> bool:
    refuse_unknown(request, {"plan"})
    asked = request.query_params.get("plan", "false")
    if asked not in ("true", "false"):
        raise ValidationFailed(errors=[fault("/query/plan", "invalid")])
    return asked == "true"


def _refuse_review(request: Request, body: ImportBody) -> None:
    """Whether promotions need a second person is not for the first one to decide."""
    settings: Any = body.files.get(PROGRAMME, {}).get("settings", {})
    if not isinstance(settings, dict) or REVIEW not in settings:
        return
    differs = settings[REVIEW] != default_programme().promotions_need_review
    if differs and not actor_of(request).has_scope("rules:approve"):
        raise ForbiddenScope(required="rules:approve")
