"""The panels of rewards: what the points buy, what was taken, and taking one."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from members.models import Member
from members.portal.access import Visit, signed_in
from members.services.portal.contacts import changed_lately
from rewards.models import Redemption, Reward
from rewards.services.catalogue.shelf import Offer, offers_for
from rewards.services.catalogue.words import sentences
from rewards.services.redemptions import code_of, redeem

MOST = 40
TAKEN = 10
State = Redemption.State


def shelf(member: Member, now: datetime) -> dict[str, Any] | None:
    """Rewards on offer with what is missing for each; those that can be taken now come first."""
    rewards = Reward.objects.on_offer(now).filter(programme__is_default=True).with_parts()
    offers = offers_for(
        member=member, rewards=list(rewards.order_by("sort", "id")[:MOST]), store=None, now=now
    )
    rows = [_shown(one) for one in sorted(offers, key=lambda one: not one.is_open)]
    return {"rows": rows} if rows else None


def _shown(offer: Offer) -> dict[str, Any]:
    reward, programme = offer.reward, offer.reward.programme
    return {
        "reward": reward,
        "points": Points(reward.price_points, programme.points_scale),
        "money": Money(reward.price_money_minor, programme.currency),
        "is_open": offer.is_open and not reward.stores,
        "why": sentences(offer.lacks, programme),
        "at_till": bool(reward.stores) and offer.is_open,
        "key": uuid.uuid4(),
    }


def taken(member: Member, now: datetime) -> dict[str, Any] | None:
    """What was taken and is waiting, with the code by which it is fetched."""
    waiting = Redemption.objects.shown().filter(
        member=member, state__in=[State.REQUESTED, State.RESERVED]
    )
    rows = [
        {"title": one.reward.title, "state": one, "code": code_of(one), "until": one.reserved_until}
        for one in waiting.order_by("-requested_at", "-id")[:TAKEN]
    ]
    return {"rows": rows} if rows else None


class TakeForm(forms.Form):
    """Which reward; the key was drawn with the page, so that two taps take one."""

    reward = forms.UUIDField()
    key = forms.UUIDField()


@require_POST
@signed_in
def take(visit: Visit) -> HttpResponse:
    """Pay a reward with points. For a day after a change of contacts nothing is taken here."""
    form = TakeForm(visit.request.POST)
    if not form.is_valid():
        messages.error(visit.request, _("This page was broken on its way. Try again."))
    elif changed_lately(visit.member, visit.now):
        said = _(
            "Your phone or e-mail was changed less than a day ago. Until then take rewards in "
            "the shop, with your card."
        )
        messages.error(visit.request, said)
    else:
        _take(visit, form.cleaned_data["reward"], form.cleaned_data["key"])
    return redirect("my:offers")


def _take(visit: Visit, reward_id: uuid.UUID, key: uuid.UUID) -> None:
    wanted = Reward.objects.filter(programme__is_default=True)
    reward = get_object_or_404(wanted, public_id=reward_id)
    try:
        redeem(
            reward=reward,
            member=visit.member,
            source="portal",
            # Another member's key is another redemption: nobody meets anybody's first answer.
            source_ref=f"{visit.member.pk}:{key}",
            now=visit.now,
            actor=visit.actor,
        )
    except DomainError as refusal:
        messages.error(visit.request, refusal.message)
    else:
        said = _("It is yours: %(reward)s.") % {"reward": reward.title}
        messages.success(visit.request, said)
