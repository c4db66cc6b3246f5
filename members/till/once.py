"""The hidden one-time key of a staff form: Enter twice, a double click or a reload sells once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from django import forms

from loyalty_crm.kernel import idempotency, wire
from loyalty_crm.kernel.errors import DomainError, registry
from members.till.access import Desk


class OnceForm(forms.Form):
    """A form that acts once, however often it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


def once(
    *, operation: str, key: uuid.UUID, asked: object, work: Callable[[], dict[str, Any]], desk: Desk
) -> dict[str, Any]:
    """What the work answered, now or the first time the key was used.

    A refusal is an answer too: the same key is refused again in the same words,
    so a form that was refused is shown with a new key.
    """
    answer = idempotency.run_once(
        scope=desk.actor.label,
        key=str(key),
        fingerprint=idempotency.fingerprint(operation, {}, desk.store.code, asked),
        work=lambda: (200, wire.encode(work())),
    )
    body = json.loads(answer.body)
    if answer.status >= 400:
        raise _refusal(body)
    return dict(body)


def _refusal(problem: dict[str, Any]) -> DomainError:
    faults = {"errors": problem["errors"]} if "errors" in problem else {}
    return registry()[problem["code"]](problem["detail"], **problem.get("params", {}), **faults)
