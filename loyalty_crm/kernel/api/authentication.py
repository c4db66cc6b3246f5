"""A bearer key in, an actor out, by one query."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api_keys import authenticate


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer crm_live_…``.

    Sets ``request.auth`` to the actor and ``request.stamps`` to the version
    stamps of the same moment. Keys in addresses or cookies are not looked at.
    """

    def authenticate(self, request: Request) -> tuple[None, Actor] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if (caller := authenticate(token.strip())) is None:
            raise AuthenticationFailed
        request.stamps = caller.stamps  # type: ignore[attr-defined]
        return None, caller.actor

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def actor_of(request: Request) -> Actor:
    """Who calls. A view behind ``HasScope`` always has one."""
    if not isinstance(request.auth, Actor):
        raise AuthenticationFailed
    return request.auth
