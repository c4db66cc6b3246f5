"""Rows of what members get besides points for purchases: for crawls of pages and addresses."""

from __future__ import annotations

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.rules.bonuses import Reward as Reward_
from rewards.services import (
    bonuses,
    charity,
    events,
    occasions,
    pools,
    redemptions,
    referrals,
    transfers,
)
from rewards.services.bonuses import Due
from rewards.services.events import Action
from tests.factories.catalogue import make_cause, make_reward, make_service
from tests.factories.members import CardFactory
from tests.factories.rewards import WalletFactory


def fill_catalogue(programme):
    """A reward that was taken, a cause that was given to and paid, a service."""
    member = WalletFactory(programme=programme, points=50).member
    cause = make_cause(programme, is_default=True)
    make_service(programme, count=2)
    reward = make_reward(programme, kind="donation", value_minor=100, price_points=1, stock=9)
    redemptions.redeem(
        reward=reward, member=member, source="test", source_ref="1", now=clock.now(), actor=SYSTEM
    )
    charity.pay_cause(
        cause=cause, amount_minor=50, paid_on=clock.now().date(), document="PP-1", actor=SYSTEM
    )


def go_beyond_purchases(programme):
    """An action that waits, a gift of the calendar, a transfer, a household, a friend."""
    now, friend = clock.now(), CardFactory(member__enrolled_at=clock.now()).member
    member = CardFactory().member  # the others' accounts may be frozen
    gift = Reward_(kind="points", amount=10)
    said = {"programme": programme, "actor": SYSTEM}
    events.save_kind(code="review", name="Review", needs_approval=True, reward=gift, **said)
    told = Action("site", "1", "review", now, proof_url="https://example.org/1")
    events.record_event(member=member, action=told, actor=SYSTEM)
    occasions.save_occasion(kind="birthday", reward=gift, today=now.date(), **said)
    bonuses.give([Due(member.pk, "event", "x", gift, now.date())], **said)
    transfers.save_terms(is_on=True, **said)
    transfers.give_points(
        sender=member, recipient=friend, points=1, source_ref="t", now=now, **said
    )
    pools.open_pool(member=friend, share_percent=10, agrees=True, now=now, **said)
    referrals.save_terms(
        is_on=True, first_purchase_only=False, referrer_reward=gift, friend_reward=None, **said
    )
    code = referrals.code_of(member).code
    referrals.attach(friend=friend, code=code, now=now, **said)
