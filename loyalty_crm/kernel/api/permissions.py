"""Closed unless a view names the scope that opens it."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.errors import ForbiddenScope, LengthRequired


class HasScope(BasePermission):
    """Opens an action when the view names a scope for it and the caller holds it.

    ``scopes = {"list": "members:read"}`` by action in a viewset, by method in a
    plain view (``{"POST": …}``; HEAD follows GET). A method without a meaning is
    405, not 403.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Actor):
            raise NotAuthenticated
        method = request.method or ""
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            raise MethodNotAllowed(method)
        scope = getattr(view, "scopes", {}).get(_operation(method, view))
        if scope is None or scope not in request.auth.scopes:
            raise ForbiddenScope(required=scope)
        return True


class NothingIgnored(BasePermission):
    """Refuses what would be dropped in silence: a typing error must not pass for a request.

    That is query parameters that nobody reads (lists are judged by their filter
    backend, any other view names its own in ``query_parameters``) and a body
    without a length, which REST framework takes for no body. It stands among the
    permissions because every view passes there.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            raise LengthRequired
        if request.query_params and getattr(view, "action", None) != "list":
            refuse_unknown(request, getattr(view, "query_parameters", ()))
        return True


def _operation(method: str, view: Any) -> str | None:
    """The action of a viewset; for a plain view its method."""
    if hasattr(view, "action_map"):
        return getattr(view, "action", None)
    return "GET" if method == "HEAD" else method
