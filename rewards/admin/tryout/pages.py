"""What the pages of trying share: their frame, forms that work once, and refusals under fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_once import once
from loyalty_crm.kernel.errors import DomainError
from rewards.forms.tryouts import OverPeriod
from rewards.models import BackTest, Programme, PromotionVersion, RetroBatch


def allow(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def asked_once(request: HttpRequest, form: OverPeriod, work: Callable[[], Any]) -> bool:
    """Do the work of a form once; what is refused stands above it."""
    try:
        once(
            form=form,
            asked={"asked": form.asked(), "at": request.path},
            work=work,
            actor=user_actor(request.user),
        )
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        return False
    return True


def step(
    request: HttpRequest, work: Callable[[], object], done: str, back: str
) -> HttpResponseRedirect:
    """A button: do it and go back; a refusal is said there."""
    try:
        work()
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, done)
    return HttpResponseRedirect(back)


def form_page(
    request: HttpRequest, frame: dict[str, Any], form: OverPeriod, **more: str
) -> HttpResponse:
    return TemplateResponse(
        request,
        "admin/rewards/tryout/form.html",
        {**frame, "form": form, **more},
        status=422 if form.errors else 200,
    )


def version_names(one: BackTest | RetroBatch) -> list[str]:
    known = PromotionVersion.objects.filter(pk__in=one.versions).order_by("promotion__name")
    return [f"{name} · {number}" for name, number in known.values_list("promotion__name", "number")]


def promotion_names(programme: Programme, codes: list[str]) -> list[str]:
    known = programme.promotions.filter(code__in=codes).order_by("name")
    return list(known.values_list("name", flat=True))
