"""Filters are allow-listed: an unknown parameter is an error, not a longer list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import BooleanFilter, Filter
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request

from loyalty_crm.kernel.errors import DomainError, ValidationFailed
from loyalty_crm.kernel.problems import fault

NO_OFFSET = timedelta(0)
FURTHEST_OFFSET = timedelta(hours=16)


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter that refuses what it does not know: parameters, values, repetition."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        known = set(filterset.filters) if filterset else set()
        refuse_unknown(request, known | page_parameters(view))
        if filterset is None:
            return queryset
        _refuse_vague_booleans(request, filterset.filters)
        if not filterset.is_valid():
            raise _refusal(filterset.errors.get_json_data())
        _refuse_strange_offsets(filterset.form.cleaned_data)
        found: QuerySet[Any] = filterset.qs
        return found


def _refuse_vague_booleans(request: Request, filters: Mapping[str, Filter]) -> None:
    """django-filter takes what is neither true nor false for "no filter"."""
    vague = [
        fault(f"/query/{name}", "invalid", _("Write true or false"))
        for name, one in filters.items()
        if isinstance(one, BooleanFilter)
        and request.query_params.get(name, "true") not in ("true", "false")
    ]
    if vague:
        raise ValidationFailed(errors=vague)


def _refuse_strange_offsets(values: Mapping[str, Any]) -> None:
    """Python takes offsets of up to a day, the database of less than sixteen hours."""
    strange = [
        fault(f"/query/{name}", "invalid", _("There is no such offset from UTC"))
        for name, value in values.items()
        if isinstance(value, datetime) and abs(value.utcoffset() or NO_OFFSET) >= FURTHEST_OFFSET
    ]
    if strange:
        raise ValidationFailed(errors=strange)


def page_parameters(view: Any) -> frozenset[str]:
    return getattr(getattr(view, "pagination_class", None), "parameters", frozenset())


def refuse_unknown(request: Request, known: Iterable[str]) -> None:
    """For views that take query parameters without a list behind them."""
    allowed = set(known)
    checked = (
        _fault(name, values, known=name in allowed) for name, values in request.query_params.lists()
    )
    if errors := [fault for fault in checked if fault]:
        raise ValidationFailed(errors=errors)


def _fault(name: str, values: list[str], *, known: bool) -> dict[str, object] | None:
    here = f"/query/{name}"
    if not known:
        return fault(here, "unknown_parameter", _("There is no such parameter here"))
    if len(values) > 1:
        return fault(here, "repeated", _("The parameter stands twice"))
    if not values[0]:
        return fault(here, "empty", _("The parameter has no value"))
    return None


def _refusal(errors: dict[str, list[dict[str, str]]]) -> DomainError:
    return ValidationFailed(
        errors=[
            fault(f"/query/{name}", one["code"] or "invalid", one["message"])
            for name, several in errors.items()
            for one in several
        ]
    )
