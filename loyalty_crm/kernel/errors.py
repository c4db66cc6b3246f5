"""Refusals: facts with a stable code, a status and a text that is safe to show."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_REGISTRY: dict[str, type[DomainError]] = {}


class DomainError(Exception):
    """A business rule said no. The message is safe to show to the caller.

    A subclass is one code of the API's registry. ``detail`` explains with plain
    values: ``pointer`` names the field at fault, ``retry_after`` the seconds to
    wait, ``errors`` a list of faults; the rest reaches the caller as ``params``.
    Never put personal data into it.
    """

    code: ClassVar[str]
    status: ClassVar[int] = 409
    title: ClassVar[str | Promise]
    retryable: ClassVar[bool] = False
    #: Whether the refusal is the final answer to its idempotency key. Follows from the
    #: status unless a subclass says otherwise: what a repeat may heal is never stored.
    stored: ClassVar[bool]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            return
        if (known := _REGISTRY.get(cls.code)) and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"error code {cls.code} is taken by {known.__qualname__}")
        if "stored" not in cls.__dict__:
            cls.stored = cls.status in (409, 422) and not cls.retryable
        _REGISTRY[cls.code] = cls

    def __init__(self, message: str | Promise = "", **detail: object) -> None:
        self.message = str(message or self.title)
        self.detail = detail
        super().__init__(self.message)


def registry() -> dict[str, type[DomainError]]:
    """Every code that any imported module defines, in alphabetical order."""
    return dict(sorted(_REGISTRY.items()))


class ValidationFailed(DomainError):
    """The request has a wrong shape: ``errors=[{"pointer", "code", "params"}]``."""

    code = "validation_failed"
    status = 400
    title = _("The request is not valid")


class UnknownField(DomainError):
    """A field that the endpoint does not take, or does not let the caller set."""

    code = "unknown_field"
    status = 400
    title = _("Unknown or read-only field")


class IdempotencyKeyMissing(DomainError):
    code = "idempotency_key_missing"
    status = 400
    title = _("This request needs an Idempotency-Key header")


class IdempotencyKeyInvalid(DomainError):
    code = "idempotency_key_invalid"
    status = 400
    title = _("An Idempotency-Key is 1 to 255 visible ASCII characters")


class IdempotencyInFlight(DomainError):
    code = "idempotency_in_flight"
    status = 409
    title = _("The first request with this key is still running")
    retryable = True


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    title = _("This Idempotency-Key belongs to another request")
    # The key's own answer stays; this one is about the second request only.
    stored = False


class Unauthenticated(DomainError):
    code = "unauthenticated"
    status = 401
    title = _("A valid API key is required")


class ForbiddenScope(DomainError):
    code = "forbidden_scope"
    status = 403
    title = _("The API key does not have the scope for this")


class ForbiddenStore(DomainError):
    """The caller named a store of its own accord that its key does not cover."""

    code = "forbidden_store"
    status = 403
    title = _("The API key is not bound to this store")


class Forbidden(DomainError):
    code = "forbidden"
    status = 403
    title = _("Not allowed")


class NotFound(DomainError):
    """Missing, and also: exists, but not for this caller."""

    code = "not_found"
    status = 404
    title = _("Not found")


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"
    status = 405
    title = _("This address does not take that method")


class LengthRequired(DomainError):
    code = "length_required"
    status = 411
    title = _("Send the body with a Content-Length")


class PayloadTooLarge(DomainError):
    code = "payload_too_large"
    status = 413
    title = _("The body is too large")


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"
    status = 415
    title = _("Send application/json in UTF-8, not compressed")


class ConflictVersion(DomainError):
    """The object changed since the caller read it (ETag and If-Match differ)."""

    code = "conflict_version"
    status = 409
    title = _("The object has changed meanwhile")
    stored = False


class SourceRefConflict(DomainError):
    """The business reference is known, with another content."""

    code = "source_ref_conflict"
    status = 409
    title = _("This reference was used with another content")


class WalletBusy(DomainError):
    """Someone else holds the row for longer than a till can wait."""

    code = "wallet_busy"
    status = 409
    title = _("The wallet is busy, try again")
    retryable = True


class TooManyRequests(DomainError):
    code = "too_many_requests"
    status = 429
    title = _("Too many requests")
    retryable = True


class TemporarilyUnavailable(DomainError):
    code = "temporarily_unavailable"
    status = 503
    title = _("Temporarily unavailable, try again")
    retryable = True


class Internal(DomainError):
    code = "internal"
    status = 500
    title = _("Something went wrong on our side; repeat with the same key")
    retryable = True
