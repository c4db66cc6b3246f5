"""The content security policy: strict everywhere, looser for the admin's pages alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.urls import reverse

if TYPE_CHECKING:
    from csp.middleware import PolicyParts
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


#: For what no browser is meant to render: the API's JSON, files.
NOTHING = "default-src 'none'; frame-ancestors 'none'"


class ContentSecurityPolicy(CSPMiddleware):
    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        response.headers.setdefault("Content-Security-Policy", NOTHING)
        return response

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        if request.path_info.startswith(reverse("admin:index")):
            # How django-csp's own decorators hand an exception over.
            vars(response)["_csp_replace"] = settings.ADMIN_CONTENT_SECURITY_POLICY
        return super().get_policy_parts(request, response, report_only)
