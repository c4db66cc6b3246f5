"""Views whose POST, PATCH and DELETE happen once per Idempotency-Key."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from loyalty_crm.kernel import wire
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.errors import IdempotencyKeyInvalid, IdempotencyKeyMissing
from loyalty_crm.kernel.idempotency import StoredResponse, fingerprint, run_once
from loyalty_crm.kernel.problems import CONTENT_TYPE, problem_bytes

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")


class IdempotentMixin:
    """Gives a view ``once``: the work and its answer, exactly once per key of an integration.

    Keys belong to the integration, not to its secret: a rotated key still replays.
    """

    kwargs: dict[str, Any]

    def once(
        self,
        request: Request,
        *,
        operation: str,
        validated: object,
        work: Callable[[], tuple[int, object]],
        store: str = "",
    ) -> HttpResponse:
        """Run the work, or answer with the bytes of the first time.

        ``work`` returns a status and a body of plain values; it is rendered
        inside of the transaction, so what was stored is what was sent.
        """
        key = idempotency_key(request)

        def rendered() -> tuple[int, bytes]:
            status, body = work()
            return status, wire.encode(body)

        stored = run_once(
            scope=f"api:{actor_of(request).id}",
            key=key,
            fingerprint=fingerprint(operation, self.kwargs, store, validated),
            work=rendered,
            refuse=partial(problem_bytes, instance=request.path),
        )
        return as_response(stored)


def idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise IdempotencyKeyMissing
    if not _VISIBLE_ASCII.fullmatch(key):
        raise IdempotencyKeyInvalid
    return key


def as_response(stored: StoredResponse) -> HttpResponse:
    kind = CONTENT_TYPE if stored.status >= 400 else "application/json"
    response = HttpResponse(stored.body, status=stored.status, content_type=kind)
    if stored.replayed:
        response["Idempotent-Replayed"] = "true"
    return response
