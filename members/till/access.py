"""Who may stand at a till, and what every panel knows about them.

The store comes from the open shift, never from the request: a panel cannot be
asked to work for another store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Group, User
from django.contrib.auth.views import redirect_to_login
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from loyalty_crm.kernel.actors import Actor, user_actor
from members.models import Shift, Store, Terminal

CASHIER = "cashier"
MANAGER = "store_manager"
ROLES = frozenset({CASHIER, MANAGER})

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Desk:
    """One member of staff at one till during one shift."""

    shift: Shift
    actor: Actor
    is_manager: bool

    @property
    def terminal(self) -> Terminal:
        return self.shift.terminal

    @property
    def store(self) -> Store:
        return self.shift.terminal.store


Panel = Callable[Concatenate[HttpRequest, Desk, P], HttpResponse]
Staffed = Callable[Concatenate[HttpRequest, User, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def at_till(panel: Panel[P]) -> View[P]:
    """Open to a cashier or store manager with an open shift; one query tells role and shift.

    Times are the store's own.
    """

    @wraps(panel)
    def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, User):
            return _to_login(request)
        desk = desk_of(request.user)
        if desk is not None:
            with timezone.override(ZoneInfo(desk.store.time_zone)):
                return panel(request, desk, *args, **kwargs)
        if not roles_of(request.user):
            return refused(request)
        return _go(request, reverse("till:shift"))

    return cast("View[P]", view)


def staff_only(page: Staffed[P]) -> View[P]:
    """Open to a cashier or store manager, with or without a shift."""

    @wraps(page)
    def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, User):
            return _to_login(request)
        if not roles_of(request.user):
            return refused(request)
        return page(request, request.user, *args, **kwargs)

    return cast("View[P]", view)


def desk_of(user: User) -> Desk | None:
    roles = ArraySubquery(Group.objects.filter(user=OuterRef("user_id")).values("name"))
    shifts = Shift.objects.open().filter(user=user).annotate(roles=roles)
    shift = shifts.select_related("terminal__store").first()
    held = set(getattr(shift, "roles", ()))
    if shift is None or not ROLES & held:
        return None
    actor = replace(user_actor(user), stores=frozenset({shift.terminal.store.code}))
    return Desk(shift, actor, MANAGER in held)


def roles_of(user: User) -> frozenset[str]:
    """Roles that open the till. An administrator has none: admin is not a super-cashier."""
    return frozenset(user.groups.filter(name__in=ROLES).values_list("name", flat=True))


def refused(request: HttpRequest) -> HttpResponse:
    return render(request, "till/refused.html", status=403)


def is_panel(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page rather than a browser for a whole one."""
    return request.headers.get("HX-Request") == "true"


def _to_login(request: HttpRequest) -> HttpResponse:
    login = reverse("till:login")
    if is_panel(request):
        return _go(request, login)
    return redirect_to_login(request.get_full_path(), login)


def _go(request: HttpRequest, address: str) -> HttpResponse:
    """To another page; a panel must not be filled with one, so htmx is told to leave."""
    return HttpResponseClientRedirect(address) if is_panel(request) else redirect(address)
