"""The pace of an integration's calls, where the operator sets one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.throttle import refuse_above


class Pace(BaseThrottle):
    """``rates = {"create": "quotes"}`` of a view: the actions that count, and as what.

    Calls a second of one integration, by ``RATE_LIMITS``; 0 is no limit, and costs nothing.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        kind = getattr(view, "rates", {}).get(getattr(view, "action", None))
        if kind and (limit := settings.RATE_LIMITS[kind]):
            refuse_above(f"rate:{kind}:{actor_of(request).label}", limit=limit)
        return True
