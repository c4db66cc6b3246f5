"""Letting go of what a reserved quote set aside: points, room in limits, uses of coupons."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from rewards.errors import HoldResolved
from rewards.models import Hold, LimitHold
from rewards.services.checkout.coupons import free_reservations
from rewards.services.coupons.using import Cause
from rewards.services.gift_cards import paying as gift_cards
from rewards.services.ledger import void_hold
from rewards.services.limits import holds


@transaction.atomic
def let_go(*, public_id: UUID, reason: str = "", actor: Actor) -> None:
    """Free everything that is held under this name. Twice is the same as once.

    Locks the wallets, then the counters, then the coupons.
    """
    points = Hold.objects.filter(public_id=public_id).first()
    if points:
        void_hold(hold=points, reason=reason, actor=actor)
    ended = holds.release(public_id)
    if points is None and ended not in ("", holds.RELEASED):
        raise HoldResolved(outcome=ended)
    gift_cards.free_holds(public_id, reason=reason, actor=actor)
    free_reservations(str(public_id), Cause("hold", str(public_id), clock.now(), actor.label))


def limits_alone(public_id: UUID) -> LimitHold | None:
    """The hold of a quote that set aside no points."""
    if Hold.objects.filter(public_id=public_id).exists():
        return None
    return LimitHold.objects.filter(public_id=public_id).first()
