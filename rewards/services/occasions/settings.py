"""What is given when, as marketers set it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from rewards.models import Occasion, Programme
from rewards.rules.bonuses import Reward, plain

SETTINGS = ("is_active", "days_before", "days_after", "leap")


@transaction.atomic
def save_occasion(
    *, programme: Programme, kind: str, reward: Reward, today: date, actor: Actor, **settings: Any
) -> Occasion:
    """Make or change the gift of one occasion.

    Switched on, it begins with ``today``: what fell on the days before is not given now.
    """
    known = Occasion.objects.select_for_update(no_key=True)
    occasion = known.filter(programme=programme, kind=kind).first()
    before = _state(occasion) if occasion else None
    occasion = occasion or Occasion(programme=programme, kind=kind)
    was_on = occasion.is_active
    occasion.reward = plain(reward)
    for name in SETTINGS:
        if name in settings:
            setattr(occasion, name, settings[name])
    if occasion.is_active and not was_on:
        occasion.done_until = None
    occasion.save()
    audit.record(
        action="occasion.saved",
        object_type="occasion",
        object_id=kind,
        before=before,
        after=_state(occasion),
        actor=actor,
    )
    return occasion


def _state(occasion: Occasion) -> dict[str, object]:
    return {name: getattr(occasion, name) for name in (*SETTINGS, "reward")}
