"""The API's answers where REST framework has no say: no route, a crash outside of a view."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults

from loyalty_crm.kernel.api.errors import respond
from loyalty_crm.kernel.errors import (
    Forbidden,
    Internal,
    NotFound,
    PayloadTooLarge,
    ValidationFailed,
)


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def handler400(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_api(request):
        return defaults.bad_request(request, exception)
    too_big = isinstance(exception, RequestDataTooBig)
    return respond(PayloadTooLarge() if too_big else ValidationFailed(), request)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_api(request):
        return defaults.permission_denied(request, exception)
    return respond(Forbidden(), request)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_api(request):
        return defaults.page_not_found(request, exception)
    return respond(NotFound(), request)


def handler500(request: HttpRequest) -> HttpResponse:
    if not is_api(request):
        return defaults.server_error(request)
    return respond(Internal(), request)
