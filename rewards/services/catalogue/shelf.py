"""Which rewards a member can take now, and what is missing for the others.

A fixed number of queries, however many rewards and whatever the member's history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from members.models import Member, MemberTag, SegmentMember, Store
from rewards.models import Cause, MemberCause, Reward, TierMembership
from rewards.rules.availability import Buyer, Lack, Terms, lacks
from rewards.services.catalogue.stock import free_pieces
from rewards.services.ledger import WalletState

_TAKEN = """
    SELECT d.reward_id, count(*) FROM rewards_redemption d
      JOIN rewards_reward r ON r.id = d.reward_id
     WHERE d.member_id = %s AND d.reward_id = ANY(%s)
       AND d.state IN ('requested', 'reserved', 'fulfilled')
       AND (r.per_member_days IS NULL
            OR d.requested_at > %s - r.per_member_days * interval '1 day')
     GROUP BY d.reward_id
"""
_WALLET = """
    SELECT posted, held, status FROM rewards_wallet
     WHERE member_id = %s AND programme_id = %s AND kind = 'points' AND status <> 'merged'
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward and what the member lacks; nothing lacking: it can be taken now."""

    reward: Reward
    lacks: list[Lack]
    free: int | None

    @property
    def is_open(self) -> bool:
        return not self.lacks


def offers_for(
    *, member: Member, rewards: Sequence[Reward], store: Store | None, now: datetime
) -> list[Offer]:
    """In the order of ``rewards``; they are fetched ``with_parts``. At most nine queries."""
    if not rewards:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_WALLET, [member.pk, rewards[0].programme_id])
        posted, held, status = cursor.fetchone() or (0, 0, "active")
    return _judge(member, rewards, store, now, max(posted - held, 0), status)


def lacks_of(
    *, reward: Reward, member: Member, store: Store | None, wallet: WalletState, now: datetime
) -> list[Lack]:
    """What is missing, judged under the lock of the wallet: limits cannot be passed by two."""
    (offer,) = _judge(member, [reward], store, now, wallet.available, wallet.status)
    return offer.lacks


def _judge(
    member: Member,
    rewards: Sequence[Reward],
    store: Store | None,
    now: datetime,
    available: int,
    wallet_status: str,
) -> list[Offer]:
    taken, free = _taken(member, rewards, now), free_pieces(rewards, store)
    facts: dict[str, Any] = {
        "available": available,
        "is_active": member.status == Member.Status.ACTIVE,
        "wallet_is_active": wallet_status == "active",
        "enrolled_at": member.enrolled_at,
        "ranks": _ranks(member, rewards),
        "tags": _tags(member, rewards, now),
        "segments": _segments(member, rewards),
        "has_cause": _has_cause(member, rewards),
    }
    offers = []
    for reward in rewards:
        buyer = Buyer(taken=taken.get(reward.pk, 0), **facts)
        terms = terms_of(reward, free.get(reward.pk))
        found = lacks(terms, buyer, store=store.code if store else None, now=now)
        offers.append(Offer(reward, found, free.get(reward.pk)))
    return offers


def terms_of(reward: Reward, free: int | None) -> Terms:
    tier = reward.min_tier
    return Terms(
        state=reward.state,
        price_points=reward.price_points,
        starts_at=reward.starts_at,
        ends_at=reward.ends_at,
        tier=tier.name if tier else "",
        tier_structure=tier.structure_id if tier else None,
        tier_rank=tier.rank if tier else 0,
        tags=frozenset(reward.tags),
        segments=frozenset(reward.segments),
        stores=frozenset(reward.stores),
        min_membership_days=reward.min_membership_days,
        per_member=reward.per_member,
        free=free,
        needs_cause=reward.kind == Reward.Kind.DONATION and reward.cause_id is None,
    )


def _taken(member: Member, rewards: Sequence[Reward], now: datetime) -> Mapping[int, int]:
    limited = [reward.pk for reward in rewards if reward.per_member is not None]
    if not limited:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, [member.pk, limited, now])
        return dict(cursor.fetchall())


def _ranks(member: Member, rewards: Sequence[Reward]) -> dict[int, int]:
    if not any(reward.min_tier_id for reward in rewards):
        return {}
    held = TierMembership.objects.filter(member=member)
    return dict(held.values_list("structure_id", "tier__rank"))


def _tags(member: Member, rewards: Sequence[Reward], now: datetime) -> frozenset[str]:
    if not any(reward.tags for reward in rewards):
        return frozenset()
    carried = MemberTag.objects.in_force(now).filter(member=member)
    return frozenset(carried.values_list("tag__code", flat=True))


def _segments(member: Member, rewards: Sequence[Reward]) -> frozenset[str]:
    if not any(reward.segments for reward in rewards):
        return frozenset()
    inside = SegmentMember.objects.filter(member=member)
    return frozenset(inside.values_list("segment__code", flat=True))


def _has_cause(member: Member, rewards: Sequence[Reward]) -> bool:
    if not any(one.kind == Reward.Kind.DONATION and one.cause_id is None for one in rewards):
        return True
    chosen = MemberCause.objects.filter(member=member, cause__is_active=True).values("pk")
    usual = Cause.objects.filter(
        programme=rewards[0].programme_id, is_default=True, is_active=True
    ).values("pk")
    return chosen.union(usual).exists()
