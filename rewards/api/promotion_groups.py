"""Stacking groups: which promotions go together on one receipt."""

from __future__ import annotations

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.etags import IF_MATCH, expected_version, with_etag
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound
from rewards.api.promotion_base import answer
from rewards.api.promotion_shapes import (
    PAGE,
    GroupBody,
    GroupChange,
    GroupOut,
    GroupPage,
    group_out,
)
from rewards.models import StackingGroup
from rewards.services.programmes import default_programme
from rewards.services.stacking_groups import change_group, create_group


@extend_schema(tags=["rules"])
class GroupViewSet(IdempotentMixin, GenericViewSet[StackingGroup]):
    """Groups that promotions name in ``stacking.group``."""

    queryset = StackingGroup.objects.none()
    filter_backends = []
    keyset = ("code", "id")
    query_parameters = ("limit", "after")
    scopes = {
        "browse": "rules:read",
        "retrieve": "rules:read",
        "create": "rules:write",
        "change": "rules:write",
    }

    @extend_schema(
        operation_id="promotion_groups_list",
        parameters=PAGE,
        responses={200: schema_of(GroupPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """The programme's groups, by code."""
        refuse_unknown(request, self.query_parameters)
        rows = StackingGroup.objects.filter(programme=default_programme())
        page = self.paginate_queryset(rows) or []
        return answer(self.get_paginated_response([group_out(each) for each in page]).data)

    @extend_schema(operation_id="promotion_groups_retrieve", responses={200: schema_of(GroupOut)})
    def retrieve(self, request: Request, code: str) -> HttpResponse:
        """One group. The ETag is its version."""
        refuse_unknown(request, set())
        group = self._group(code)
        return with_etag(answer(group_out(group)), group.version)

    @extend_schema(
        operation_id="promotion_groups_create",
        request=json_body(GroupBody),
        responses={201: schema_of(GroupOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """A group; promotions that name it may be drafted from now on."""
        body = decode_request(request, GroupBody)

        def work() -> tuple[int, object]:
            made = create_group(
                programme=default_programme(),
                code=body.code,
                name=body.name,
                mode=body.mode,
                n=body.n,
                actor=actor_of(request),
            )
            return 201, group_out(made)

        return self.once(request, operation="promotion_groups.create", validated=body, work=work)

    @extend_schema(
        operation_id="promotion_groups_change",
        parameters=[IF_MATCH],
        request=json_body(GroupChange),
        responses={200: schema_of(GroupOut)},
    )
    def change(self, request: Request, code: str) -> HttpResponse:
        """Another name, mode or number, from the next sale on."""
        body = decode_request(request, GroupChange)
        version = expected_version(request)
        asked = {name: value for name, value in msgspec.structs.asdict(body).items()
                 if value is not msgspec.UNSET}  # fmt: skip

        def work() -> tuple[int, object]:
            changed = change_group(
                group=self._group(code), changes=asked, expected=version, actor=actor_of(request)
            )
            return 200, group_out(changed)

        validated = {"changes": asked, "version": version}
        response = self.once(
            request, operation="promotion_groups.change", validated=validated, work=work
        )
        shown = msgspec.json.decode(response.content)
        return with_etag(response, shown.get("version"))

    def _group(self, code: str) -> StackingGroup:
        known = StackingGroup.objects.filter(programme=default_programme(), code=code)
        if (found := known.first()) is None:
            raise NotFound
        return found
