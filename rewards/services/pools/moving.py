"""Points into the pool and out of it: a pair of entries, lots with their expiry, and who it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict
from members.errors import HouseholdRefused
from members.models import Household, HouseholdMember, Member
from members.services import households
from rewards.models import HouseholdPool, LedgerTx, PoolMove, Programme
from rewards.services.ledger import Event, WalletState, lock_wallets, wallet_for
from rewards.services.ledger.opening import unit_of
from rewards.services.ledger.refusals import refuse_shortage, refuse_status
from rewards.services.ledger.writing import draft_for

Cause = PoolMove.Cause
_OPEN = "INSERT INTO rewards_wallet (programme_id, kind, unit) VALUES (%s, 'pool', %s) RETURNING id"


@dataclass(frozen=True, slots=True)
class Sides:
    """A member's wallet and the pool's, locked."""

    pool: HouseholdPool
    member_id: int
    own: WalletState
    common: WalletState


@transaction.atomic
def open_pool(
    *,
    programme: Programme,
    member: Member,
    share_percent: int,
    agrees: bool,
    leaving: str = HouseholdPool.Leaving.OWN,
    now: datetime,
    actor: Actor,
) -> HouseholdPool:
    """A household of one member with an empty pool."""
    stay = households.open_household(
        member=member, share_percent=share_percent, agrees=agrees, now=now, actor=actor
    )
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [programme.pk, unit_of(programme)])
        (wallet,) = cursor.fetchone()
    return HouseholdPool.objects.create(household=stay.household, wallet_id=wallet, leaving=leaving)


@transaction.atomic
def put_in(
    *, household: Household, member: Member, points: int, source_ref: str, actor: Actor
) -> PoolMove:
    """A member gives points of their own to the pool. Locks the household, then both wallets."""
    stay = _stay(household, member)
    sides = lock_sides(pool_of(stay), member.pk)
    refuse_shortage(sides.own.available, points)
    event = _event("pool_in", source_ref, sides, actor)
    return move(sides, Cause.GIFT, points, event, actor)


@transaction.atomic
def draw(
    *, household: Household, member: Member, points: int, source_ref: str, actor: Actor
) -> PoolMove:
    """Points of the pool become the member's own, to be spent at once. Needs the right to spend.

    Locks the household, then both wallets, so no two take the last points.
    """
    stay = _stay(household, member)
    if not stay.may_spend:
        raise HouseholdRefused(reason="no_right")
    sides = lock_sides(pool_of(stay), member.pk)
    refuse_shortage(sides.common.available, points)
    event = _event("pool_out", source_ref, sides, actor)
    return move(sides, Cause.DRAW, -points, event, actor)


def _stay(household: Household, member: Member) -> HouseholdMember:
    households.lock(household)
    return households.stay_of(household, member)


def pool_of(stay: HouseholdMember) -> HouseholdPool:
    return HouseholdPool.objects.select_related("wallet__programme", "household").get(
        household=stay.household_id
    )


def lock_sides(pool: HouseholdPool, member_id: int) -> Sides:
    own = wallet_for(member_id, pool.wallet.programme)
    states = lock_wallets([own.pk, pool.wallet_id])
    sides = Sides(pool, member_id, states[own.pk], states[pool.wallet_id])
    refuse_status(sides.own.status)
    refuse_status(sides.common.status)
    return sides


def _event(op: str, source_ref: str, sides: Sides, actor: Actor) -> Event:
    """Once per actor and reference."""
    event = Event(op, f"pool:{actor.label}", source_ref, clock.now(), actor.label)
    if LedgerTx.objects.filter(
        source=event.source, source_ref=event.source_ref, op=event.op
    ).exists():
        raise SourceRefConflict(source_ref=source_ref)
    return event


def move(
    sides: Sides,
    cause: str,
    points: int,
    event: Event,
    actor: Actor,
    *,
    earned_by: int | None = None,
) -> PoolMove:
    """``points`` above zero go into the pool, below zero out of it. Wallets are locked."""
    giver, taker = (sides.own, sides.common) if points > 0 else (sides.common, sides.own)
    draft = draft_for([giver, taker])
    draft.event(event)
    lots = draft.lose(giver.id, "clearing", abs(points))
    draft.gain(taker.id, "clearing", [(expiry, -amount) for expiry, amount in lots])
    (tx_id,) = draft.write()
    done = PoolMove.objects.create(
        pool=sides.pool,
        member_id=sides.member_id,
        cause=cause,
        amount=points,
        tx_id=tx_id,
        earned_by_id=earned_by,
    )
    household = str(sides.pool.household.public_id)
    outbox.emit(
        "household.points_moved",
        object_type="household",
        object_id=household,
        data={"cause": cause, "amount": points, "by": actor.label},
    )
    return done
