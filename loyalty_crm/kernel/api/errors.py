"""Every error of the API leaves as RFC 9457 problem+json."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import (
    ValidationError as ModelValidationError,
)
from django.db import DataError, Error, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions

from loyalty_crm.kernel import errors as refusals
from loyalty_crm.kernel import problems
from loyalty_crm.kernel.api.json_faults import token
from loyalty_crm.kernel.database import is_lock_timeout
from loyalty_crm.kernel.errors import DomainError

logger = logging.getLogger(__name__)

RETRY_AFTER = 1

_BY_TYPE: list[tuple[type[Exception], type[DomainError]]] = [
    (exceptions.NotAuthenticated, refusals.Unauthenticated),
    (exceptions.AuthenticationFailed, refusals.Unauthenticated),
    (exceptions.PermissionDenied, refusals.Forbidden),
    (exceptions.NotFound, refusals.NotFound),
    (exceptions.MethodNotAllowed, refusals.MethodNotAllowed),
    (exceptions.NotAcceptable, refusals.UnsupportedMediaType),
    (exceptions.UnsupportedMediaType, refusals.UnsupportedMediaType),
    (exceptions.ParseError, refusals.ValidationFailed),
    (PermissionDenied, refusals.Forbidden),
    (Http404, refusals.NotFound),
    (RequestDataTooBig, refusals.PayloadTooLarge),
    (SuspiciousOperation, refusals.ValidationFailed),
    (UnreadablePostError, refusals.ValidationFailed),
    (InterfaceError, refusals.TemporarilyUnavailable),
]


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """REST framework's hook: any exception of a view becomes a problem."""
    return respond(as_refusal(error), context["request"])


def respond(error: DomainError, request: HttpRequest) -> HttpResponse:
    body = problems.problem_bytes(error, request.path)
    response = HttpResponse(body, status=error.status, content_type=problems.CONTENT_TYPE)
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    if (seconds := retry_after(error)) is not None:
        response["Retry-After"] = str(seconds)
        for name in ("limit", "remaining"):
            if name in error.detail:
                response[f"RateLimit-{name.title()}"] = str(error.detail[name])
                response["RateLimit-Reset"] = str(seconds)
    return response


def retry_after(error: DomainError) -> int | None:
    """Seconds to wait before the next try; None when waiting does not help."""
    seconds = error.detail.get("retry_after", RETRY_AFTER if error.retryable else None)
    return int(seconds) if isinstance(seconds, int | float) else None


def as_refusal(error: Exception) -> DomainError:
    """The registered refusal for any exception. What nobody expected is logged, not shown."""
    match error:
        case DomainError():
            return error
        case exceptions.ValidationError():
            return _invalid(error.detail)
        case ModelValidationError():
            return _invalid(exceptions.ErrorDetail(" ".join(error.messages), error.code))
        case exceptions.Throttled():
            return refusals.TooManyRequests(
                retry_after=int(getattr(error, "wait", None) or RETRY_AFTER)
            )
        case OperationalError():
            return _database(error)
        case DataError():
            # The request's fault, and ours that nothing before the database said so.
            logger.warning("a value reached the database that no column takes", exc_info=error)
            return refusals.ValidationFailed()
    for kind, refusal in _BY_TYPE:
        if isinstance(error, kind):
            return refusal()
    logger.error("unexpected error in the API", exc_info=error)
    return refusals.Internal()


def _database(error: Error) -> DomainError:
    if is_lock_timeout(error):
        return refusals.WalletBusy(retry_after=RETRY_AFTER)
    logger.warning("the database refused or went away", exc_info=error)
    return refusals.TemporarilyUnavailable(retry_after=RETRY_AFTER)


def _invalid(detail: Any) -> DomainError:
    errors = list(_faults(detail, ""))
    unknown = all(one["code"] == "unknown_field" for one in errors)
    kind = refusals.UnknownField if unknown else refusals.ValidationFailed
    return kind(errors=errors)


def _faults(detail: Any, pointer: str) -> Iterator[dict[str, object]]:
    """REST framework's nested messages, one by one, each with its pointer."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = pointer if name == "non_field_errors" else pointer + token(name)
            yield from _faults(inner, here)
    elif isinstance(detail, list | tuple):
        for position, inner in enumerate(detail):
            leaf = isinstance(inner, str)
            yield from _faults(inner, pointer if leaf else f"{pointer}/{position}")
    else:
        yield problems.fault(pointer, getattr(detail, "code", None) or "invalid", str(detail))
