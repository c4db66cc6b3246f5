"""The panel of friends: the own code and link, what it brought, and who invited the member."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.errors import DomainError
from members.models import Member
from members.portal.access import Visit, signed_in
from rewards.errors import ReferralRefused
from rewards.models import Referral, ReferralCode, ReferralTerms
from rewards.rules.codes import shown
from rewards.services import referrals
from rewards.services.programmes import default_programme


def friends(member: Member, now: datetime) -> dict[str, Any] | None:
    """What the panel says; None while members bring no friends. Writes nothing."""
    terms = ReferralTerms.objects.filter(programme__is_default=True, is_on=True).first()
    if terms is None:
        return None
    code = ReferralCode.objects.filter(member=member).values_list("code", flat=True).first()
    is_new = member.enrolled_at >= now - timedelta(days=terms.attach_days)
    brought = Referral.objects.filter(friend=member).exists()
    return {
        "code": shown(code) if code else "",
        "link": _link(code) if code else "",
        "came": Referral.objects.filter(referrer=member).count(),
        "may_name": is_new and not brought,
    }


def _link(code: str) -> str:
    return str(settings.PUBLIC_BASE_URL).rstrip("/") + reverse("invited", args=[code])


@require_POST
@signed_in
def make_code(visit: Visit) -> HttpResponse:
    """The member's code, made when there is none."""
    referrals.code_of(visit.member)
    return redirect("my:home")


@require_POST
@signed_in
def name_friend(visit: Visit) -> HttpResponse:
    """Whose code brought the member. Wrong ones are counted; a repeat changes nothing."""
    code = visit.request.POST.get("code", "")[:40]
    try:
        with throttle.guarded("referrals", actor=visit.actor) as guesses:
            if referrals.owner_of(code) is None:
                guesses.wrong = 1
                raise ReferralRefused(reason="code")
        referrals.attach(
            programme=default_programme(),
            friend=visit.member,
            code=code,
            now=visit.now,
            actor=visit.actor,
        )
    except DomainError as refusal:
        messages.error(visit.request, refusal.message)
    else:
        messages.success(visit.request, _("Thank you. The code is noted."))
    return redirect("my:home")
