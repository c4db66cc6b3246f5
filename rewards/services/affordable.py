"""Telling members, once, that their points are now enough for a reward.

Heard from the outbox, seconds after the points moved: no till waits for it.
"""

from __future__ import annotations

from django.db import connection, transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.models import OutboxEvent
from rewards.models import AffordableReward, Reward, Wallet
from rewards.services.catalogue.shelf import offers_for

#: Rewards that one message may be about; the cheapest first.
MOST = 100

_NOTE = """
    INSERT INTO rewards_affordablereward (member_id, reward_id)
    SELECT %s, unnest(%s::bigint[]) ON CONFLICT DO NOTHING RETURNING reward_id
"""


def credited(event: OutboxEvent) -> None:
    """Points came in: forget what is out of reach, tell of what has come into reach."""
    if (wallet := _wallet(event)) is not None:
        forget_dearer(wallet)
        tell_affordable(wallet)


def debited(event: OutboxEvent) -> None:
    """Points went out: what is out of reach now may be told of again later."""
    if (wallet := _wallet(event)) is not None:
        forget_dearer(wallet)


for _kind in ("earned", "activated", "adjusted", "reversed", "released"):
    outbox.subscribe(f"points.{_kind}")(credited)
for _kind in ("spent", "expired", "held"):
    outbox.subscribe(f"points.{_kind}")(debited)


def forget_dearer(wallet: Wallet) -> None:
    told = AffordableReward.objects.filter(member=wallet.member_id)
    told.filter(reward__price_points__gt=wallet.available).delete()


@transaction.atomic
def tell_affordable(wallet: Wallet) -> int:
    """An event for each reward that the member can take and was not told of; how many.

    At most once for a member and a reward, however many processes hear of the
    points: the table says who was first. A fixed number of queries.
    """
    now = clock.now()
    member = wallet.member
    told = AffordableReward.objects.filter(member=wallet.member_id).values("reward")
    within = Reward.objects.on_offer(now).filter(
        programme=wallet.programme_id, price_points__lte=wallet.available
    )
    rewards = list(within.exclude(pk__in=told).with_parts().order_by("price_points", "pk")[:MOST])
    if member is None or not rewards:
        return 0
    offers = offers_for(member=member, rewards=rewards, store=None, now=now)
    fresh = _noted(member.pk, [offer.reward.pk for offer in offers if offer.is_open])
    events: list[tuple[str, dict[str, object]]] = [
        (
            str(member.public_id),
            {"reward": one.code, "price_points": one.price_points, "available": wallet.available},
        )
        for one in rewards
        if one.pk in fresh
    ]
    if events:
        outbox.emit_many("reward.affordable", object_type="member", events=events)
    return len(events)


def _noted(member_id: int, rewards: list[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [member_id, rewards])
        return {pk for (pk,) in cursor.fetchall()}


def _wallet(event: OutboxEvent) -> Wallet | None:
    """The points account of a member, as it stands now: events may come late or out of turn."""
    wallets = Wallet.objects.points().filter(public_id=event.object_id, member__isnull=False)
    return wallets.select_related("member", "programme").first()
