"""What the pages of games, draws and contests share: a step by a button, refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from loyalty_crm.kernel.errors import DomainError


def refuse_without(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def words_of(refusal: DomainError) -> list[str]:
    """Every fault in words, or the refusal as a whole."""
    faults: Any = refusal.detail.get("errors") or []
    return [str(one["detail"]) for one in faults] or [refusal.message]


def attempt(request: HttpRequest, work: Callable[[], object], home: str) -> HttpResponse:
    """Do a step and go back to where the button was; a refusal is told there."""
    try:
        work()
    except DomainError as refusal:
        for text in words_of(refusal):
            messages.error(request, text)
    else:
        messages.success(request, _("Done."))
    return HttpResponseRedirect(home)


def put_faults(form: Any, refusal: DomainError) -> None:
    for text in words_of(refusal):
        form.add_error(None, text)
