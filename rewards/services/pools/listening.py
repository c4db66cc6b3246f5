"""Shares of earned points flow into the pool seconds after the sale, and back after a return."""

from __future__ import annotations

from django.db.models import Sum

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from members.models import HouseholdMember
from members.services import households
from rewards.models import HouseholdPool, LedgerEntry, LedgerTx, PoolMove, Wallet
from rewards.services.ledger import Event
from rewards.services.pools.moving import Cause, lock_sides, move


@outbox.subscribe("points.earned")
@outbox.subscribe("points.activated")
def share_what_was_earned(event: OutboxEvent) -> None:
    """In the transaction of the event's mark, and once per earning by a unique key besides."""
    wallet = Wallet.objects.filter(public_id=event.object_id).first()
    if wallet is None or wallet.member_id is None:
        return
    stay = households.current_stay(wallet.member_id)
    if stay is None or not stay.share_percent:
        return
    earned = LedgerTx.objects.filter(public_id=str(event.data["tx"])).first()
    if earned and earned.effective_at >= stay.agreed_at:
        _share(stay, earned, int(event.data["amount"]))


def _share(stay: HouseholdMember, earned: LedgerTx, points: int) -> None:
    households.lock(stay.household)
    pools = HouseholdPool.objects.select_related("wallet__programme", "household")
    pool = pools.filter(household=stay.household).first()
    if pool is None or PoolMove.objects.filter(earned_by=earned).exists():
        return
    if stay.member.wallets.exclude(status=Wallet.Status.ACTIVE).exists():
        return
    sides = lock_sides(pool, stay.member_id)
    part = min(points * stay.share_percent // 100, sides.own.available)
    if part > 0:
        event = Event("pool_share", "pool", f"tx:{earned.pk}", earned.effective_at, SYSTEM.label)
        move(sides, Cause.SHARE, part, event, SYSTEM, earned_by=earned.pk)


@outbox.subscribe("points.reversed")
def take_share_back(event: OutboxEvent) -> None:
    """Of points that a return took back, the pool gives its part home: exact over many returns."""
    if int(event.data["amount"]) >= 0:
        return
    back = LedgerTx.objects.filter(public_id=str(event.data["tx"])).first()
    if back is None or back.reverses_id is None:
        return
    shared = PoolMove.objects.filter(earned_by=back.reverses_id, cause=Cause.SHARE)
    share = shared.select_related("pool__wallet__programme", "pool__household").first()
    if share is not None:
        _give_back(share, back)


def _give_back(share: PoolMove, back: LedgerTx) -> None:
    households.lock(share.pool.household)
    sides = lock_sides(share.pool, share.member_id)
    due = _due_back(share)
    if part := min(due, sides.common.available):
        event = Event("pool_share_back", "pool", f"tx:{back.pk}", back.effective_at, SYSTEM.label)
        move(sides, Cause.SHARE_BACK, -part, event, SYSTEM, earned_by=share.earned_by_id)


def _due_back(share: PoolMove) -> int:
    """Counted from the whole earning, so that many small returns add up to the share."""
    entries = LedgerEntry.objects.filter(wallet__kind=Wallet.Kind.POINTS)
    earned = entries.filter(tx=share.earned_by_id, kind="earn").aggregate(n=Sum("amount"))["n"] or 0
    taken = entries.filter(tx__reverses=share.earned_by_id, kind="clawback")
    clawed = -(taken.aggregate(n=Sum("amount"))["n"] or 0)
    moves = PoolMove.objects.filter(earned_by=share.earned_by_id, cause=Cause.SHARE_BACK)
    already = -(moves.aggregate(n=Sum("amount"))["n"] or 0)
    kept = share.amount * max(earned - clawed, 0) // earned if earned else 0
    return share.amount - kept - already
