"""Redemptions that come to nothing: cancelled by hand, or not fetched in time."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import SYSTEM, Actor
from loyalty_crm.kernel.errors import DomainError, ValidationFailed
from rewards.errors import RedemptionState
from rewards.models import Redemption
from rewards.services.catalogue import stock
from rewards.services.ledger import Event, WalletState, lock_wallet
from rewards.services.ledger.spending import give_points_back
from rewards.services.redemptions.giving import take
from rewards.services.redemptions.moving import locked
from rewards.services.redemptions.taking import tell

logger = logging.getLogger(__name__)
State = Redemption.State


@transaction.atomic
def cancel(*, redemption: Redemption, reason: str, now: datetime, actor: Actor) -> Redemption:
    """Take it back: the points return to their own lots, the piece to the shelf, the limit opens.

    Locks the wallet, then the redemption; a repeat changes nothing. What was given
    and used is refused as ``RewardUsed``.
    """
    if not reason.strip():
        raise ValidationFailed(_("A reason is needed."), pointer="/reason")
    wallet, found = lock_wallet(redemption.wallet_id), locked(redemption)
    if found.state == State.CANCELLED:
        return found
    if found.state == State.EXPIRED:
        raise RedemptionState(state=found.state)
    if found.state == State.FULFILLED:
        take(found, now=now, actor=actor)
    return _end(found, wallet, State.CANCELLED, reason.strip(), now, actor)


def expire_due(*, now: datetime, limit: int) -> int:
    """Give up to ``limit`` rewards that were not fetched back to the shelf; how many were tried.

    Each in a transaction of its own. One that cannot be ended is logged and passed by.
    """
    due = Redemption.objects.overdue(now).order_by("reserved_until", "pk")
    tried = 0
    for redemption in due[:limit]:
        tried += _expire(redemption, now)
    return tried


def _expire(redemption: Redemption, now: datetime) -> bool:
    try:
        with transaction.atomic():
            wallet, found = lock_wallet(redemption.wallet_id), locked(redemption)
            # Asked again under the locks: somebody may have fetched it a moment ago.
            if found.is_open and found.reserved_until and found.reserved_until <= now:
                _end(found, wallet, State.EXPIRED, "", now, SYSTEM)
    except DomainError as refusal:
        logger.warning("redemption %s does not expire: %s", redemption, refusal.code)
        return False
    return True


def _end(
    found: Redemption,
    wallet: WalletState,
    state: Redemption.State,
    reason: str,
    now: datetime,
    actor: Actor,
) -> Redemption:
    event = Event(
        "reward_back", "redemption", str(found.public_id), now, actor.label, reason, found.tx_id
    )
    found.restored_tx_id = give_points_back(
        wallet=wallet,
        tx_id=found.tx_id,
        points=found.points,
        event=event,
        programme=found.reward.programme,
        now=now,
    )
    stock.put_back(found, was_handed_out=found.state == State.FULFILLED)
    found.state, found.ended_at, found.actor, found.reason = state, now, actor.label, reason
    found.save(update_fields=["state", "ended_at", "actor", "reason", "restored_tx"])
    tell(f"reward.{state}", found, actor, reason)
    return found
