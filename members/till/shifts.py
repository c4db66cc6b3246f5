"""Log in, open a shift at a till, close it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.errors import DomainError
from members.models import Shift, Terminal
from members.services.stores import close_shift, open_shift
from members.till.access import Desk, at_till, desk_of, staff_only


class TillLogin(LoginView):
    template_name = "till/login.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        return reverse("till:sale")


class TillLogout(LogoutView):
    def get_default_redirect_url(self) -> str:
        return reverse("till:login")


class TerminalField(forms.ModelChoiceField[Terminal]):
    """Store and terminal in one list: one choice with the arrow keys instead of two."""

    def __init__(self, **kwargs: Any) -> None:
        usable = Terminal.objects.filter(is_active=True, store__is_active=True)
        in_order = usable.select_related("store").order_by("store__name", "code")
        super().__init__(queryset=in_order, **kwargs)

    def label_from_instance(self, obj: Terminal) -> str:
        return f"{obj.store.name} · {obj.name or obj.code}"


class ShiftForm(forms.Form):
    terminal = TerminalField(label=_("Store and till"), empty_label=_("Choose…"))


@require_http_methods(["GET", "POST"])
@staff_only
def shift_page(request: HttpRequest, user: User) -> HttpResponse:
    """Open a shift, or see the one that is open with its report so far."""
    if desk := desk_of(user):
        return render(request, "till/shift.html", {"desk": desk, "shift": desk.shift})
    form = ShiftForm(request.POST or None, initial={"terminal": _last_terminal(user)})
    if form.is_valid():
        terminal = form.cleaned_data["terminal"]
        try:
            open_shift(
                terminal=terminal, user=user, occurred_at=clock.now(), actor=user_actor(user)
            )
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect("till:sale")
    return render(
        request, "till/shift_open.html", {"form": form}, status=422 if form.errors else 200
    )


def _last_terminal(user: User) -> int | None:
    """Where they worked the last time is nearly always where they work today."""
    shifts = Shift.objects.filter(user=user).order_by("-opened_at")
    return shifts.values_list("terminal_id", flat=True).first()


@require_POST
@at_till
def shift_close(request: HttpRequest, desk: Desk) -> HttpResponse:
    close_shift(shift=desk.shift, occurred_at=clock.now(), actor=desk.actor)
    return redirect("till:shift-closed", desk.shift.pk)


@require_http_methods(["GET"])
@staff_only
def shift_closed(request: HttpRequest, user: User, shift_id: int) -> HttpResponse:
    """The report of an own shift that has ended."""
    shifts = Shift.objects.filter(user=user, closed_at__isnull=False).select_related(
        "terminal__store"
    )
    return render(
        request, "till/shift_closed.html", {"shift": get_object_or_404(shifts, pk=shift_id)}
    )
