"""RFC 9457 problem details of a refusal."""

from __future__ import annotations

import uuid

import structlog
from django.conf import settings
from django.utils.functional import Promise

from loyalty_crm.kernel import wire
from loyalty_crm.kernel.errors import DomainError

CONTENT_TYPE = "application/problem+json"
_STRUCTURAL = {"pointer", "errors", "retry_after"}


def request_id() -> str:
    """The id of the running request; outside of one, a fresh id to find the log line by."""
    bound = structlog.contextvars.get_contextvars().get("request_id")
    return str(bound) if bound else str(uuid.uuid4())


def type_uri(code: str) -> str:
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}/api/v1/errors/{code}"


def problem(error: DomainError, instance: str = "") -> dict[str, object]:
    """The body of a refusal. The stable parts are ``code``, ``status`` and the pointers."""
    body: dict[str, object] = {
        "type": type_uri(error.code),
        "title": str(error.title),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "instance": instance,
        "request_id": request_id(),
        "retryable": error.retryable,
    }
    params = {name: value for name, value in error.detail.items() if name not in _STRUCTURAL}
    if errors := _faults(error, params):
        body["errors"] = errors
    elif params:
        body["params"] = params
    return body


def problem_bytes(error: DomainError, instance: str = "") -> bytes:
    return wire.encode(problem(error, instance))


def _faults(error: DomainError, params: dict[str, object]) -> object:
    if "errors" in error.detail:
        return error.detail["errors"]
    if "pointer" in error.detail:
        return [fault(str(error.detail["pointer"]), error.code, error.message, **params)]
    return None


def fault(
    pointer: str, code: str, message: str | Promise = "", **params: object
) -> dict[str, object]:
    """One wrong place in a request: a JSON pointer, what is wrong with it, and in words."""
    return {"pointer": pointer, "code": code, "params": params, "detail": str(message)}
