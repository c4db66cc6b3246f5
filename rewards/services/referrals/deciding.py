"""What a person decides about a referral, with a reason."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import ReferralState
from rewards.models import Referral
from rewards.services.referrals.attaching import trace
from rewards.services.referrals.qualifying import locked, undo

State = Referral.State


@transaction.atomic
def approve(*, referral: Referral, reason: str, actor: Actor) -> Referral:
    """It is fine: the friend goes on where they stand. Not looked at by the signs again."""
    held = _held(referral, reason, State.HELD)
    held.state = State.QUALIFIED if held.receipt_id else State.ENROLLED
    return _decided(held, reason, actor)


@transaction.atomic
def refuse(*, referral: Referral, reason: str, actor: Actor) -> Referral:
    """No reward for either side, for ever."""
    held = _held(referral, reason, State.ENROLLED, State.HELD, State.QUALIFIED)
    held.state = State.REFUSED
    return _decided(held, reason, actor)


@transaction.atomic
def claw_back(*, referral: Referral, reason: str, actor: Actor) -> Referral:
    """Take both rewards back by hand. Locks the referral, the bonuses, the wallets."""
    held = _held(referral, reason, State.REWARDED)
    undo(held, reason[:300], actor.label)
    return held


def _held(referral: Referral, reason: str, *wanted: State) -> Referral:
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    held = locked(pk=referral.pk)
    assert held is not None
    if held.state not in wanted:
        raise ReferralState(state=held.state)
    return held


def _decided(held: Referral, reason: str, actor: Actor) -> Referral:
    held.reason, held.decided_by = reason[:300], actor.label
    held.save(update_fields=["state", "reason", "decided_by"])
    trace(held, reason, actor)
    return held
