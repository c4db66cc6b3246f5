"""Every answer says under which id its log lines stand."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from loyalty_crm.kernel.problems import request_id


class RequestIdHeader:
    """Middleware: ``X-Request-Id`` on every response. Stands below django-structlog's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["X-Request-Id"] = request_id()
        return response
