"""Kinds of actions as marketers set them."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.models import EventKind, Programme
from rewards.rules.bonuses import Reward, plain

SETTINGS = ("name", "once", "needs_approval", "needs_proof", "is_active")


@transaction.atomic
def save_kind(
    *,
    programme: Programme,
    code: str,
    reward: Reward,
    actor: Actor,
    kind: EventKind | None = None,
    **settings: Any,
) -> EventKind:
    """Make a kind, or change one; the code of a kind stays. Events of before keep their bonuses."""
    before = _state(kind) if kind else None
    kind = kind or EventKind(programme=programme, code=code)
    kind.reward = plain(reward)
    for name in SETTINGS:
        if name in settings:
            setattr(kind, name, settings[name])
    try:
        with transaction.atomic():
            kind.save()
    except IntegrityError as taken:
        raise ValidationFailed(_("This code is taken."), pointer="/code") from taken
    audit.record(
        action="event_kind.saved",
        object_type="event_kind",
        object_id=kind.code,
        before=before,
        after=_state(kind),
        actor=actor,
    )
    return kind


def _state(kind: EventKind) -> dict[str, object]:
    return {name: getattr(kind, name) for name in (*SETTINGS, "reward")}
