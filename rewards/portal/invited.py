"""The page behind a referral link: it says the code, and looks the same for codes that are none."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.errors import TooManyRequests
from rewards.rules.codes import clean_code, shown
from rewards.services import referrals
from rewards.services.programmes import default_or_none

LOOKS_A_MINUTE = 30


@require_GET
@never_cache
def invited(request: HttpRequest, code: str) -> HttpResponse:
    """What the friend is to do. The look is counted when there is such a code."""
    try:
        throttle.refuse_above(
            f"invited:{request.META.get('REMOTE_ADDR', '')}",
            limit=LOOKS_A_MINUTE,
            period=throttle.MINUTE,
        )
    except TooManyRequests:
        return HttpResponse(_("Too many requests"), status=429, content_type="text/plain")
    clean = clean_code(code)
    referrals.count_look(clean)
    context = {"code": shown(clean), "programme": default_or_none()}
    return render(request, "portal/invited.html", context)
