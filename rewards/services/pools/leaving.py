"""What a member takes along when leaving, by the rule that the household has chosen."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from loyalty_crm.kernel.actors import Actor
from members.models import Household, HouseholdMember, Member
from members.services import households
from rewards.models import HouseholdPool, PoolMove
from rewards.services.ledger import Event
from rewards.services.pools.moving import Cause, lock_sides, move, pool_of

Leaving = HouseholdPool.Leaving


@transaction.atomic
def leave(*, household: Household, member: Member, now: datetime, actor: Actor) -> int:
    """End the stay; how many points the member takes along. The last one takes all.

    Locks the household, then both wallets.
    """
    households.lock(household)
    stay = households.stay_of(household, member)
    pool = pool_of(stay)
    sides = lock_sides(pool, member.pk)
    part = part_of(pool, stay, sides.common.available)
    if part:
        event = Event("pool_leave", "pool", f"stay:{stay.pk}", now, actor.label)
        move(sides, Cause.LEAVE, -part, event, actor)
    households.end_stay(stay=stay, now=now, actor=actor)
    return part


def part_of(pool: HouseholdPool, stay: HouseholdMember, available: int) -> int:
    """Points that the member would take along now, of those that are free in the pool."""
    members = stay.household.stays.filter(left_at=None).count()
    if members == 1:
        return available
    if pool.leaving == Leaving.EQUAL:
        return available // members
    if pool.leaving == Leaving.NOTHING:
        return 0
    moves = PoolMove.objects.filter(
        pool=pool, member=stay.member_id, recorded_at__gte=stay.agreed_at
    )
    return min(available, max(moves.aggregate(n=Sum("amount"))["n"] or 0, 0))
