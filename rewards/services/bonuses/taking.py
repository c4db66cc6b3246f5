"""Bonuses that are taken back: points into debt if need be, the rest as far as it is unused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from members.models import MemberTag
from rewards.models import AwardMove, Bonus, LedgerEntry, LotMove
from rewards.rules.expiry import NEVER
from rewards.services.bonuses.giving import COUNTED
from rewards.services.coupons.issuing import take_back as end_coupon
from rewards.services.ledger import Earn, Event, post_many


@transaction.atomic
def take_back(bonus_ids: Iterable[int], *, reason: str, actor: Actor) -> int:
    """Undo bonuses once; how many were undone now. Locks the bonuses, then their wallets.

    Points leave the lot they came into, then others, then go into debt down to the
    wallet's limit; what is beyond it is written off. A coupon that was used stays used.
    """
    standing = Bonus.objects.filter(pk__in=list(bonus_ids), taken_back_at=None)
    bonuses = list(
        standing.order_by("pk")
        .select_for_update(of=("self",), no_key=True)
        .select_related("member")
    )
    _points([one for one in bonuses if one.tx_id], reason, actor)
    for one in bonuses:
        _rest(one, reason, actor)
        _trace(one, reason, actor)
    Bonus.objects.filter(pk__in=[one.pk for one in bonuses]).update(
        taken_back_at=clock.now(), reason=reason[:300]
    )
    return len(bonuses)


def _points(bonuses: list[Bonus], reason: str, actor: Actor) -> None:
    if not bonuses:
        return
    by_tx = {one.tx_id: one for one in bonuses}
    now = clock.now()
    earned = LedgerEntry.objects.filter(tx__in=by_tx, kind="earn").order_by("pk")
    rows = [
        Earn(
            wallet_id=entry.wallet_id,
            event=Event(
                "bonus_back",
                "bonus",
                str(by_tx[entry.tx_id].pk),
                now,
                actor.label,
                reason,
                reverses=entry.tx_id,
            ),
            amount=-entry.amount,
            expires_at=_lot_of(entry),
        )
        for entry in earned
    ]
    post_many(rows)


def _lot_of(entry: LedgerEntry) -> datetime:
    """The expiry of the lot that the points came into; they may all have paid a debt."""
    moves = LotMove.objects.filter(wallet_id=entry.wallet_id, seq=entry.seq)
    return moves.values_list("lot__expires_at", flat=True).first() or NEVER


def _rest(bonus: Bonus, reason: str, actor: Actor) -> None:
    cause = f"bonus:{bonus.pk}"
    if bonus.kind in COUNTED:
        AwardMove.objects.create(
            member_id=bonus.member_id,
            kind=bonus.kind,
            code=bonus.code,
            amount=-bonus.amount,
            reason=f"bonus_back:{bonus.pk}",
        )
    elif bonus.kind == "tag":
        MemberTag.objects.filter(member_id=bonus.member_id, source=cause).delete()
    elif bonus.kind == "coupon":
        for number in range(bonus.amount):
            end_coupon(source=cause, source_ref=str(number), reason=reason, actor=actor)


def _trace(bonus: Bonus, reason: str, actor: Actor) -> None:
    told: dict[str, object] = {"kind": bonus.kind, "code": bonus.code, "amount": bonus.amount}
    member = {"member": str(bonus.member.public_id), "cause": bonus.source}
    outbox.emit(
        "bonus.taken_back",
        object_type="bonus",
        object_id=str(bonus.public_id),
        data=told | member,
    )
    audit.record(
        action="bonus.taken_back",
        object_type="bonus",
        object_id=str(bonus.public_id),
        before=told,
        reason=reason,
        actor=actor,
    )
