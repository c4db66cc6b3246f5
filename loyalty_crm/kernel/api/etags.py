"""ETag and If-Match: a change is made only to what the caller has read."""

from __future__ import annotations

import re

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag you read: the change is made only if nobody was faster",
)


def with_etag(response: HttpResponse, version: int | None) -> HttpResponse:
    if version is not None:
        response["ETag"] = f'"{version}"'
    return response


def expected_version(request: Request) -> int | None:
    """The version in If-Match; none and ``*`` mean any."""
    header = request.headers.get("If-Match", "*").strip()
    if header == "*":
        return None
    if (found := _ETAG.fullmatch(header)) is None:
        raise ValidationFailed(errors=[fault("/header/If-Match", "invalid")])
    return int(found[1])
