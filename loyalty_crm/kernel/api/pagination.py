"""Keyset pages: the next page starts after a row, not at a number.

A list may grow and shrink while it is walked; a row that exists throughout is
seen exactly once, and the last page costs what the first does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q
from django.utils.translation import gettext_lazy as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class KeysetPagination(BasePagination):
    """``?limit=50&after=<cursor>`` over the columns that the view names in ``keyset``.

    ``keyset = ("recorded_at", "id")``, with "-" for descending; the columns
    must be not null and together unique, and an index should have them in order.
    """

    parameters = frozenset({"limit", "after"})

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.keyset: Sequence[str] = view.keyset
        limit = _limit(request.query_params.get("limit"))
        rows = queryset.order_by(*self.keyset)
        if after := request.query_params.get("after"):
            rows = rows.filter(_beyond(self.keyset, _open(after, self.keyset, queryset.model)))
        found = list(rows[: limit + 1])
        self.has_more = len(found) > limit
        self.page = found[:limit]
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        cursor = _seal(self.page[-1], self.keyset) if self.has_more else None
        return Response({"data": data, "next": cursor, "has_more": self.has_more})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "next", "has_more"],
            "properties": {
                "data": schema,
                "next": {"type": ["string", "null"], "description": "Cursor of the next page"},
                "has_more": {"type": "boolean"},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "required": False, "schema": limit},
            {"name": "after", "in": "query", "required": False, "schema": {"type": "string"}},
        ]


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    message = _("A whole number from 1 to %(max)s") % {"max": MAX_LIMIT}
    raise ValidationFailed(errors=[fault("/query/limit", "invalid", message, max=MAX_LIMIT)])


def _salt(keyset: Sequence[str]) -> str:
    # A cursor of one order must not open another.
    return "kernel.cursor:" + ",".join(keyset)


def _seal(row: Any, keyset: Sequence[str]) -> str:
    values = [getattr(row, name.lstrip("-")) for name in keyset]
    text = json.dumps(values, cls=_Exact, separators=(",", ":"))
    return signing.Signer(salt=_salt(keyset)).sign_object(json.loads(text))


def _open(cursor: str, keyset: Sequence[str], model: type[Model]) -> list[Any]:
    try:
        values = signing.Signer(salt=_salt(keyset)).unsign_object(cursor)
        options = model._meta  # noqa: SLF001 - Django's public "model _meta API"
        fields = [options.get_field(name.lstrip("-")) for name in keyset]
        return [_typed(field, value) for field, value in zip(fields, values, strict=True)]
    except (signing.BadSignature, ValueError, UnicodeError) as error:
        message = _("Not a cursor of this list")
        raise ValidationFailed(errors=[fault("/query/after", "invalid_cursor", message)]) from error


def _typed(field: Any, value: object) -> object:
    return field.to_python(value)


def _beyond(keyset: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows after the values, as ``a >= x AND (a > x OR (a = x AND …))``.

    The first half says nothing new; it lets the planner start in the index.
    """
    (first, *rest), (value, *others) = keyset, values
    name, op = first.lstrip("-"), "lt" if first.startswith("-") else "gt"
    beyond = Q(**{f"{name}__{op}": value})
    if not rest:
        return beyond
    return Q(**{f"{name}__{op}e": value}) & (beyond | Q(**{name: value}) & _beyond(rest, others))


class _Exact(DjangoJSONEncoder):
    """Times keep their microseconds, which Django's encoder cuts to milliseconds."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)
