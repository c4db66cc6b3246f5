"""A form that is sent twice works once: a hidden key, and the kernel's idempotency behind it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django import forms

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.idempotency import fingerprint, run_once


class _RefusedError(Exception):
    """Carries a refusal past the kernel, which would keep it as the key's answer."""

    def __init__(self, refusal: DomainError) -> None:
        self.refusal = refusal


class OnceForm(forms.Form):
    """A form whose hidden key was drawn when the page was."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


def once(*, form: OnceForm, asked: object, work: Callable[[], object], actor: Actor) -> None:
    """Do the work unless the form's key has done it already.

    A refusal is raised and leaves the key free: the form, put right, may be sent again.
    """

    def answer() -> tuple[int, bytes]:
        try:
            work()
        except DomainError as refusal:
            raise _RefusedError(refusal) from refusal
        return 200, b""

    try:
        run_once(
            scope=f"admin:{actor.label}",
            key=str(form.cleaned_data["key"]),
            fingerprint=fingerprint(type(form).__name__, {}, "", asked),
            work=answer,
        )
    except _RefusedError as carried:
        raise carried.refusal from carried
