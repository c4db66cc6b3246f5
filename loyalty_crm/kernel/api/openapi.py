"""What every operation of the schema has in common, written once."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from loyalty_crm.kernel.api.idempotent import IdempotentMixin

_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    required=True,
    description="1 to 255 visible ASCII characters, a UUIDv7 by preference; keep it to repeat",
    type={"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
)
_FAULT = {
    "type": "object",
    "required": ["pointer", "code", "params", "detail"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer into the request"},
        "code": {"type": "string"},
        "params": {"type": "object"},
        "detail": {"type": "string"},
    },
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; `code` is stable, texts are not",
    "required": ["type", "title", "status", "code", "detail", "request_id", "retryable"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "retryable": {"type": "boolean"},
        "params": {"type": "object"},
        "errors": {"type": "array", "items": _FAULT},
    },
}


class KernelAutoSchema(AutoSchema):
    """Adds the idempotency key where a view has one, and the scope an operation needs.

    A view names the actions that change nothing (a quote, a look-up) in ``keyless``.
    """

    def get_override_parameters(self) -> list[Any]:
        changes = self.method in {"POST", "PUT", "PATCH", "DELETE"}
        keyless = self._operation_name() in getattr(self.view, "keyless", ())
        needs_key = isinstance(self.view, IdempotentMixin) and changes and not keyless
        return [*super().get_override_parameters(), *([_KEY] if needs_key else [])]

    def get_description(self) -> str:  # type: ignore[override]  # spectacular's own form
        scope = getattr(self.view, "scopes", {}).get(self._operation_name())
        parts = [super().get_description() or "", f"Scope: `{scope}`" if scope else ""]
        return "\n\n".join(filter(None, parts))

    def _get_response_for_code(self, serializer: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        # For answers drf-spectacular takes a bare schema, and makes an array of it in a list
        # view; ``json_body`` says the media type, as for requests, and means what it says.
        if isinstance(serializer, dict) and (schema := serializer.get("application/json")):
            return {"description": "", "content": {"application/json": {"schema": schema}}}
        plain = super()._get_response_for_code
        found: dict[str, Any] = plain(serializer, *args, **kwargs)  # type: ignore[no-untyped-call]
        return found

    def _operation_name(self) -> str:
        return getattr(self.view, "action", None) or self.method


class BearerKey(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names our keys."""

    target_class = "loyalty_crm.kernel.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "crm_live_<id>_<secret>"}


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of a msgspec type, in one piece: ``extend_schema(request=json_body(…))``."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="#/{name}")
    whole: dict[str, Any] = _inlined(schema, components)
    return whole


def json_body(kind: Any) -> dict[str, Any]:
    """A request or response of a msgspec type, in the form ``extend_schema`` takes."""
    return {"application/json": schema_of(kind)}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular hook: every operation may answer with a problem."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in result["paths"].values():
        for operation in path.values():
            for family in ("4XX", "5XX"):
                answer = {"description": "Refused", "content": content}
                operation["responses"].setdefault(family, answer)
    return result


def _inlined(schema: Any, components: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, components) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if ref := schema.get("$ref"):
        return _inlined(components[ref.removeprefix("#/")], components)
    return {name: _inlined(value, components) for name, value in schema.items()}
