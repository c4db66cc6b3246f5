"""Serializers without coercion: what is sent is what is meant, or it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

# REST framework reads "12" as 12 and 12 as "12". Here each field takes one JSON type.
_JSON_TYPES: list[tuple[type[serializers.Field[Any, Any, Any, Any]], type]] = [
    (serializers.BooleanField, bool),
    (serializers.IntegerField, int),
    (serializers.CharField, str),
    (serializers.DecimalField, str),
    (serializers.DateTimeField, str),
    (serializers.DateField, str),
    (serializers.TimeField, str),
    (serializers.UUIDField, str),
    (serializers.SlugRelatedField, str),
]


class StrictMixin:
    """Refuses unknown and read-only fields, and values of another JSON type."""

    fields: Any

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (faults := _faults(self.fields, data)):
            raise ValidationError(faults)
        return super().to_internal_value(data)  # type: ignore[misc]


class StrictSerializer(StrictMixin, serializers.Serializer[Any]):
    """The shape of a request."""


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer[Any]):
    """The shape of a request that fills a model."""


def _faults(fields: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    faults: dict[str, Any] = {}
    for name, value in data.items():
        field = fields.get(name)
        if field is None or field.read_only:
            faults[name] = [ErrorDetail(str(_UNKNOWN), code="unknown_field")]
        elif fault := _type_fault(field, value):
            faults[name] = fault
    return faults


def _type_fault(field: Any, value: Any) -> Any:
    """What is wrong with the JSON type of a value, in the nested form of REST framework."""
    if value is None:  # whether null is allowed is the field's own rule
        return None
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        faults = {
            i: found for i, item in enumerate(value) if (found := _type_fault(field.child, item))
        }
        return faults or None
    for kind, expected in _JSON_TYPES:
        if isinstance(field, kind):
            # bool is an int to Python, not to JSON.
            return None if type(value) is expected else [_wrong_type(expected)]
    return None


def _wrong_type(expected: type) -> ErrorDetail:
    name = {bool: "boolean", int: "integer", str: "string"}[expected]
    return ErrorDetail(_("Expected a JSON %(type)s") % {"type": name}, code="type")


_UNKNOWN = _("The endpoint does not know this field, or does not let you set it")
