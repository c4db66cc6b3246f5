"""What the doors beyond purchases share: who calls, whom it is about, pages with plain filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member
from members.services.search import lookup_member
from rewards.api.bodies import MemberBody
from rewards.api.coupons import PAGE, answer
from rewards.errors import MemberUnknown

_Row = TypeVar("_Row", bound=Model)
Reason = Annotated[str, Meta(min_length=1, max_length=300)]
Reference = Annotated[str, Meta(min_length=1, max_length=120)]

__all__ = ["PAGE", "BeyondView", "Reason", "ReasonBody", "Reference", "answer", "member_of"]


class ReasonBody(Body, kw_only=True):
    reason: Reason


def member_of(body: MemberBody, actor: Actor, pointer: str = "/member") -> Member:
    """The member by exactly one of id, card and phone; a wrong guess is counted."""
    given = [(name, value) for name in ("id", "card", "phone") if (value := getattr(body, name))]
    if len(given) != 1:
        raise ValidationFailed(errors=[fault(pointer, "exactly_one")])
    ((kind, value),) = given
    if kind == "id":
        found = Member.objects.visible_to(actor).filter(public_id=value).first()
    else:
        with throttle.guarded("members", actor=actor) as guesses:
            found = lookup_member(kind=kind, value=value)
            guesses.wrong = 0 if found else 1
    if found is None or found.status == Member.Status.CLOSED:
        raise MemberUnknown(pointer=pointer)
    return found


class BeyondView(IdempotentMixin, GenericViewSet[_Row], Generic[_Row]):
    """Lists take equality filters that the view names: parameter → look-up."""

    filter_backends: list[Any] = []
    keyset = ("-id",)
    filters: Mapping[str, str] = {}

    @property
    def query_parameters(self) -> tuple[str, ...]:
        return ("limit", "after", *self.filters)

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def found(self, public_id: Any) -> _Row:
        row = self.get_queryset().filter(public_id=public_id).first()
        if row is None:
            raise NotFound
        return row

    def page(self, request: Request, present: Callable[[_Row], object]) -> HttpResponse:
        refuse_unknown(request, self.query_parameters)
        rows: QuerySet[_Row] = self.get_queryset()
        for name, lookup in self.filters.items():
            if (value := request.query_params.get(name)) is not None:
                rows = _narrowed(rows, name, lookup, value)
        page = self.paginate_queryset(rows) or []
        return answer(self.get_paginated_response([present(row) for row in page]).data)


def _narrowed(rows: QuerySet[_Row], name: str, lookup: str, value: str) -> QuerySet[_Row]:
    """The database or the field refuses what can't be such a value."""
    try:
        return rows.filter(**{lookup: value})
    except (ValueError, TypeError, ValidationError) as error:
        raise ValidationFailed(errors=[fault(f"/query/{name}", "invalid")]) from error
