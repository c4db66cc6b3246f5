"""The end of a pilot: one page that asks once more."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.errors import DomainError
from rewards.admin.sentences import Names, sentence
from rewards.admin.tryout.pages import allow
from rewards.models import Promotion, PromotionVersion
from rewards.services.tryout.pilots import end_pilot

PUBLISH = "rewards.publish_promotion"


def pilot_page(request: HttpRequest, frame: dict[str, Any], promotion_id: int) -> HttpResponse:
    """What everybody will get, and a button."""
    allow(request, PUBLISH)
    promotion = get_object_or_404(Promotion.objects.select_related("programme"), pk=promotion_id)
    back = reverse("admin:rewards_promotion_change", args=[promotion.pk])
    refused = ""
    if request.method == "POST":
        try:
            version = end_pilot(promotion=promotion, actor=user_actor(request.user))
        except DomainError as refusal:
            refused = refusal.message
        else:
            messages.success(request, _said(version))
            return HttpResponseRedirect(back)
    context = {
        **frame,
        "title": _("End the pilot: publish to everybody"),
        "promotion": promotion,
        "says": _words(promotion),
        "refused": refused,
    }
    return TemplateResponse(
        request, "admin/rewards/tryout/pilot.html", context, status=422 if refused else 200
    )


def _words(promotion: Promotion) -> str:
    live = promotion.versions.filter(state=PromotionVersion.State.LIVE).first()
    if live is None:
        return ""
    words = {name: part for name, part in live.definition.items() if name != "pilot"}
    return sentence(words, promotion.programme, Names.behind([words]))


def _said(version: PromotionVersion) -> str:
    if version.state == PromotionVersion.State.LIVE:
        return _("The promotion is live for everybody.")
    return _("The version for everybody waits for a second person; the pilot goes on.")
