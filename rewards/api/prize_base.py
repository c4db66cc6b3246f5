"""What the doors of games, draws, contests and prizes share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from members.models import Member, Store
from rewards.api.checkout import answer
from rewards.models import Programme
from rewards.services.programmes import default_programme

Row = TypeVar("Row", bound=Model)
B = TypeVar("B", bound=msgspec.Struct)

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$(?!\n)")]
Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$(?!\n)")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Reference = Annotated[str, Meta(min_length=1, max_length=120)]
Reason = Annotated[str, Meta(min_length=1, max_length=300)]
Positive = Annotated[int, Meta(ge=1, le=10**12)]
Minor = Annotated[int, Meta(ge=0, le=10**12)]
Weight = Annotated[int, Meta(ge=0, le=1_000_000)]
Pieces = Annotated[int, Meta(ge=0, le=10**9)]
PAGE = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
    OpenApiParameter("after", {"type": "string"}),
]


class ReasonBody(Body, kw_only=True):
    reason: Reason


class EmptyBody(Body, kw_only=True):
    """Nothing is asked."""


class CountedBody(Body, kw_only=True):
    """So many turns or tickets for a member."""

    member: UUID
    count: Annotated[int, Meta(ge=1, le=1_000)]
    reason: Reason


class BalanceOut(msgspec.Struct, kw_only=True):
    """What the member has now."""

    balance: int


class PrizeView(IdempotentMixin, GenericViewSet[Row], Generic[Row]):
    """Lists by cursor, writes once per key, objects by their public id."""

    filter_backends = []
    query_parameters: tuple[str, ...] = ("limit", "after")
    keyset: tuple[str, ...] = ("-id",)

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    @property
    def programme(self) -> Programme:
        return default_programme()

    def found(self, rows: QuerySet[Row], name: str = "id") -> Row:
        if (row := rows.filter(public_id=self.kwargs[name]).first()) is None:
            raise NotFound
        return row

    def page(
        self, request: Request, rows: QuerySet[Any], show: Callable[[Any], object]
    ) -> HttpResponse:
        refuse_unknown(request, {"limit", "after"})
        page = self.paginate_queryset(rows) or []
        return answer(self.get_paginated_response([show(row) for row in page]).data)

    def one(self, request: Request, body: object) -> HttpResponse:
        refuse_unknown(request, set())
        return answer(body)

    def do(
        self,
        request: Request,
        shape: type[B],
        work: Callable[[B], object],
        status: int = 200,
    ) -> HttpResponse:
        """Read the body, do the work once, answer with what it says."""
        asked = decode_request(request, shape)
        return self.once(
            request,
            operation=f"{type(self).__name__}.{self.action}",
            validated=asked,
            work=lambda: (status, work(asked)),
        )

    def member(self, public_id: UUID, pointer: str = "/member") -> Member:
        member = Member.objects.visible_to(self.actor).filter(public_id=public_id).first()
        if member is None:
            raise ValidationFailed(_("There is no such member."), pointer=pointer)
        return member

    def member_in_address(self) -> Member:
        known = Member.objects.visible_to(self.actor).filter(public_id=self.kwargs["member_id"])
        if (member := known.first()) is None:
            raise NotFound
        return member

    def store(self, code: str | None) -> Store | None:
        if code is None:
            return None
        store = Store.objects.visible_to(self.actor).filter(code=code).first()
        if store is None:
            raise ValidationFailed(_("There is no such store."), pointer="/store")
        return store
