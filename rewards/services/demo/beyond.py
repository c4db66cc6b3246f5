"""What members of the demo do besides buying: reviews, friends, a household, gifts of points."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from loyalty_crm.kernel.actors import Actor
from members.models import Member, Receipt
from members.services import households
from rewards.models import ActionEvent, EventKind, Programme
from rewards.rules.bonuses import Reward
from rewards.services import events, occasions, pools, referrals, transfers
from rewards.services.events import Action
from rewards.services.referrals.qualifying import bought

KINDS = (
    ("review", "Review of a product", 50, EventKind.Once.OBJECT, True),
    ("survey", "Survey after a visit", 30, EventKind.Once.MONTH, False),
    ("app-install", "App installed", 100, EventKind.Once.EVER, False),
)
WORDS = (
    "Fresh every morning, and they know my name.",
    "The new beans are too dark for me, the old ones were better.",
    "asdf asdf",
    "Delivery came half an hour early. Thank you!",
    "Good prices on Wednesdays.",
)
ACTIONS = 24


def go_beyond(now: datetime, actor: Actor) -> None:
    """Safe to repeat: what is there stays. Does nothing while there are too few members."""
    programme = Programme.objects.get(is_default=True)
    members = list(
        Member.objects.filter(status="active", wallets__posted__gt=300, wallets__kind="points")
        .exclude(wallets__status="frozen")
        .order_by("pk")[: ACTIONS + 10]
    )
    if EventKind.objects.exists() or len(members) < ACTIONS + 10:
        return
    _tell_of_actions(programme, members[:ACTIONS], now, actor)
    _celebrate(programme, now, actor)
    _share(programme, members[ACTIONS : ACTIONS + 4], now, actor)
    _bring_friends(programme, members[ACTIONS + 4 :], now, actor)


def _tell_of_actions(
    programme: Programme, members: list[Member], now: datetime, actor: Actor
) -> None:
    for code, name, points, once, by_hand in KINDS:
        events.save_kind(
            programme=programme,
            code=code,
            name=name,
            reward=Reward(kind="points", amount=points),
            once=once,
            needs_approval=by_hand,
            actor=actor,
        )
    for number, member in enumerate(members):
        action = Action(
            source="demo",
            event_id=f"demo-{number}",
            kind=KINDS[number % len(KINDS)][0],
            occurred_at=now - timedelta(hours=number),
            object_ref=f"product-{number}",
            proof_text=WORDS[number % len(WORDS)] if number % len(KINDS) == 0 else "",
        )
        events.record_event(member=member, action=action, actor=actor)
    waiting = list(ActionEvent.objects.filter(state="pending").order_by("pk"))
    for event in waiting[:3]:
        events.approve(event=event, actor=actor)
    for event in waiting[3:4]:
        events.reject(event=event, reason="Says nothing", actor=actor)


def _celebrate(programme: Programme, now: datetime, actor: Actor) -> None:
    for kind, points, after in (("birthday", 200, 3), ("welcome", 100, 0), ("anniversary", 50, 0)):
        occasions.save_occasion(
            programme=programme,
            kind=kind,
            reward=Reward(kind="points", amount=points, valid_days=30),
            today=now.date(),
            is_active=kind != "anniversary",
            days_after=after,
            actor=actor,
        )


def _share(programme: Programme, members: list[Member], now: datetime, actor: Actor) -> None:
    """A household of two with a pool, and a gift of points between two others."""
    owner, partner, giver, taker = members
    pool = pools.open_pool(
        programme=programme, member=owner, share_percent=20, agrees=True, now=now, actor=actor
    )
    _, code = households.invite(
        household=pool.household, by=owner, may_spend=True, now=now, actor=actor
    )
    households.join(code=code, member=partner, share_percent=10, agrees=True, now=now, actor=actor)
    for member, points in ((owner, 150), (partner, 80)):
        pools.put_in(
            household=pool.household,
            member=member,
            points=points,
            source_ref=f"demo-{member.pk}",
            actor=actor,
        )
    pools.draw(household=pool.household, member=partner, points=60, source_ref="demo", actor=actor)
    transfers.save_terms(programme=programme, is_on=True, least=10, actor=actor)
    transfers.give_points(
        programme=programme,
        sender=giver,
        recipient=taker,
        points=100,
        source_ref="demo",
        now=now,
        actor=actor,
    )


def _bring_friends(
    programme: Programme, members: list[Member], now: datetime, actor: Actor
) -> None:
    """Two bring friends, from members who are there already: the terms are wide for a moment."""
    settings: dict[str, Any] = {
        "programme": programme,
        "referrer_reward": Reward(kind="points", amount=300),
        "friend_reward": Reward(kind="points", amount=150),
        "is_on": True,
        "actor": actor,
    }
    referrals.save_terms(
        **settings, first_purchase_only=False, attach_days=366, min_total_minor=0, return_days=0
    )
    referrers, friends = members[:2], members[2:]
    for number, friend in enumerate(friends):
        code = referrals.code_of(referrers[number % 3 == 0]).code
        referrals.attach(
            programme=programme,
            friend=friend,
            code=code,
            now=friend.enrolled_at,
            actor=actor,
        )
    for friend in friends[:4]:
        if receipt := Receipt.objects.filter(member=friend).order_by("-occurred_at").first():
            bought(receipt)
    referrals.pay_due(now=now)
    referrals.save_terms(
        **settings, first_purchase_only=True, attach_days=7, min_total_minor=1_000, return_days=14
    )
