"""Parameters of the wallets' addresses."""

from __future__ import annotations

from datetime import datetime

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault

AXES = ("recorded", "effective")
MOST_DAYS = 3660
DAYS = OpenApiParameter(
    "days", {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": 30}
)


def as_of_of(request: Request) -> tuple[datetime | None, str]:
    """The moment and the axis that the address asks for."""
    text, axis = request.query_params.get("as_of"), request.query_params.get("axis", "recorded")
    if axis not in AXES:
        raise refused("axis", str(_("One of: %(axes)s") % {"axes": ", ".join(AXES)}))
    return (_moment(text) if text is not None else None), axis


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    # A plus sign that was not encoded arrives as a space, and a time without offset is no moment.
    if moment is None or moment.tzinfo is None:
        raise refused("as_of", str(_("A time with its offset, such as 2026-03-01T12:00:00Z")))
    return moment


def days_of(request: Request) -> int:
    text = request.query_params.get("days", "30")
    if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MOST_DAYS:
        return int(text)
    raise refused("days", str(_("A whole number from 1 to %(max)s") % {"max": MOST_DAYS}))


def refused(name: str, message: str) -> ValidationFailed:
    return ValidationFailed(errors=[fault(f"/query/{name}", "invalid", message)])
