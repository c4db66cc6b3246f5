"""What becomes of an event: rewarded, rejected, taken back. Each once, by a lock on its row."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import EventDecided
from rewards.models import ActionEvent
from rewards.rules.bonuses import checked
from rewards.services import bonuses
from rewards.services.bonuses import Due

State = ActionEvent.State


def grant(event: ActionEvent, *, actor: Actor, reason: str = "") -> None:
    """Reward an event that waits, by what its kind gives now. Belongs inside a transaction."""
    programme = event.kind.programme
    now = clock.now()
    due = Due(
        member_id=event.member_id,
        source="event",
        source_ref=str(event.public_id),
        reward=checked(event.kind.reward),
        day=now.astimezone(ZoneInfo(programme.time_zone)).date(),
        reason=event.kind.name,
    )
    event.bonus = bonuses.give([due], programme=programme, actor=actor)[due.key]
    _decide(event, State.GRANTED, reason, actor)


@transaction.atomic
def approve(*, event: ActionEvent, reason: str = "", actor: Actor) -> ActionEvent:
    """A person says yes. Locks the event, then the wallet; refused when it was decided before."""
    held = _locked(event, State.PENDING)
    grant(held, actor=actor, reason=reason)
    return held


@transaction.atomic
def reject(*, event: ActionEvent, reason: str, actor: Actor) -> ActionEvent:
    """A person says no, and why. The slot is free again."""
    _refuse_empty(reason)
    held = _locked(event, State.PENDING)
    _decide(held, State.REJECTED, reason, actor)
    return held


@transaction.atomic
def reverse(*, event: ActionEvent, reason: str, actor: Actor) -> ActionEvent:
    """Take a reward back: the review was deleted, the policy cancelled."""
    _refuse_empty(reason)
    held = _locked(event, State.GRANTED)
    assert held.bonus_id is not None
    bonuses.take_back([held.bonus_id], reason=reason, actor=actor)
    _decide(held, State.REVERSED, reason, actor)
    return held


def _locked(event: ActionEvent, wanted: State) -> ActionEvent:
    rows = ActionEvent.objects.select_for_update(of=("self",), no_key=True)
    held = rows.select_related("kind__programme", "member").get(pk=event.pk)
    if held.state != wanted:
        raise EventDecided(state=held.state)
    return held


def _refuse_empty(reason: str) -> None:
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")


def _decide(event: ActionEvent, state: State, reason: str, actor: Actor) -> None:
    before = event.state
    event.state, event.reason, event.decided_by = state, reason[:300], actor.label
    event.decided_at = clock.now()
    event.save(update_fields=["state", "reason", "decided_by", "decided_at", "bonus"])
    subject: dict[str, Any] = {"object_type": "action", "object_id": str(event.public_id)}
    told: dict[str, object] = {"kind": event.kind.code, "state": state.value}
    outbox.emit(
        f"action.{state.value}",
        data=told | {"member": str(event.member.public_id)},
        **subject,
    )
    audit.record(
        action=f"action.{state.value}",
        before={"state": before},
        after=told,
        reason=reason,
        actor=actor,
        **subject,
    )
