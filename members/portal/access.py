"""Who is on the member's page: a cookie of its own, which opens nothing for the staff.

Nothing on these pages names a member by id: whose data is shown follows from the
session alone, so there is no number to change in an address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django_htmx.http import HttpResponseClientRedirect

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from members.models import Member, PortalSession
from members.services.portal.joining import member_actor
from members.services.portal.sessions import LIFE, open_session, session_of

COOKIE = "my_session"
PATH = "/my/"
_SALT = "members.portal.notes"

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Visit:
    """A member looking at the own page, at one moment."""

    request: HttpRequest
    session: PortalSession
    now: datetime

    @property
    def member(self) -> Member:
        return self.session.member

    @property
    def actor(self) -> Actor:
        return member_actor(self.member)

    def show(self, template: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
        whole = {"visit": self, "member": self.member, **context}
        return render(self.request, template, whole, status=status)


Page = Callable[Concatenate[Visit, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def signed_in(page: Page[P]) -> View[P]:
    """Open to whoever holds the cookie of an open session; others are led to the door."""

    @wraps(page)
    def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        now = clock.now()
        token = request.COOKIES.get(COOKIE, "")
        session = session_of(token, now) if token else None
        if session is None:
            return private(_to_the_door(request))
        return private(page(Visit(request, session, now), *args, **kwargs))

    return cast("View[P]", view)


def private(response: HttpResponse) -> HttpResponse:
    """Neither a proxy nor the next person at this browser finds it again."""
    patch_cache_control(response, no_store=True, private=True)
    return response


def _to_the_door(request: HttpRequest) -> HttpResponse:
    door = reverse("my:sign-in")
    is_panel = request.headers.get("HX-Request") == "true"
    return HttpResponseClientRedirect(door) if is_panel else redirect(door)


def let_in(request: HttpRequest, member: Member, now: datetime) -> HttpResponse:
    """A session for this browser, and a new CSRF token with it."""
    device = request.headers.get("User-Agent", "")
    token = open_session(member=member, device=device, now=now, actor=member_actor(member))
    rotate_token(request)
    response = redirect("my:home")
    _set(response, COOKIE, token, int(LIFE.total_seconds()))
    return response


def let_out() -> HttpResponse:
    response = redirect("my:sign-in")
    response.delete_cookie(COOKIE, path=PATH)
    return response


def note(response: HttpResponse, name: str, said: Mapping[str, str], seconds: int) -> None:
    """Remember something in the browser, signed: the next step of signing in needs it."""
    _set(response, name, signing.dumps(dict(said), salt=f"{_SALT}.{name}"), seconds)


def noted(request: HttpRequest, name: str, seconds: int) -> dict[str, str] | None:
    """What was remembered; None when it is too old, or not ours."""
    try:
        said: dict[str, str] = signing.loads(
            request.COOKIES.get(name, ""), salt=f"{_SALT}.{name}", max_age=seconds
        )
    except signing.BadSignature:
        return None
    return said


def forget(response: HttpResponse, *names: str) -> None:
    for name in names:
        response.delete_cookie(name, path=PATH)


def _set(response: HttpResponse, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as far as the proxy in front can be trusted."""
    return str(request.META.get(settings.CLIENT_ADDRESS_HEADER, ""))[:64]
