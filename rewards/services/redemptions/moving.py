"""Redemptions that staff move on: confirmed, and handed over."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Store
from rewards.errors import RedemptionElsewhere, RedemptionState
from rewards.models import Redemption
from rewards.services.catalogue import stock
from rewards.services.redemptions.giving import give
from rewards.services.redemptions.taking import tell

State = Redemption.State


def locked(redemption: Redemption) -> Redemption:
    """The row as it is now, under its lock."""
    rows = Redemption.objects.shown().select_for_update(of=("self",), no_key=True)
    return rows.get(pk=redemption.pk)


@transaction.atomic
def confirm(*, redemption: Redemption, now: datetime, actor: Actor) -> Redemption:
    """Staff say that it can be had: it is set aside, or given at once where nobody hands it over.

    The days to fetch it begin anew. Locks the redemption; a repeat changes nothing.
    """
    found = locked(redemption)
    if found.state == State.RESERVED:
        return found
    _refuse_other(found, State.REQUESTED, now)
    found.state, found.actor, found.reason = State.RESERVED, actor.label, ""
    found.reserved_until = now + timedelta(days=found.reward.reserve_days)
    found.save(update_fields=["state", "actor", "reason", "reserved_until"])
    tell("reward.confirmed", found, actor)
    if not found.reward.is_handed_over:
        return _done(found, "", now, actor)
    return found


@transaction.atomic
def fulfil(
    *,
    redemption: Redemption,
    store: Store | None = None,
    payment_ref: str = "",
    now: datetime,
    actor: Actor,
) -> Redemption:
    """Hand the reward over, once. ``payment_ref``: the receipt of its part in money.

    Locks the redemption, then what it gives; stock last. Past its day it is refused
    even before the night has expired it. Refused: ``RedemptionState``,
    ``RedemptionElsewhere``.
    """
    found = locked(redemption)
    _refuse_other(found, State.RESERVED, now)
    if store and found.store_id and found.store_id != store.pk:
        raise RedemptionElsewhere(store=found.store.code if found.store else "")
    if found.money_minor and not payment_ref.strip():
        raise ValidationFailed(_("Name the receipt of the money."), pointer="/payment_ref")
    return _done(found, payment_ref.strip(), now, actor)


def _done(found: Redemption, payment_ref: str, now: datetime, actor: Actor) -> Redemption:
    give(found, now=now, actor=actor)
    stock.hand_out(found)
    found.state, found.ended_at, found.actor = State.FULFILLED, now, actor.label
    found.payment_ref, found.reason = payment_ref, ""
    found.save(update_fields=["state", "ended_at", "actor", "payment_ref", "reason", "issued"])
    tell("reward.fulfilled", found, actor)
    return found


def _refuse_other(found: Redemption, wanted: Redemption.State, now: datetime) -> None:
    state = found.state
    if found.is_open and found.reserved_until and found.reserved_until <= now:
        state = State.EXPIRED
    if state != wanted:
        raise RedemptionState(state=state)
