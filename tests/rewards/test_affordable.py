"""Members hear once that their points are enough, from the outbox and not at the till."""

from __future__ import annotations

import pytest

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from rewards.services import ledger, redemptions
from tests.factories.catalogue import make_reward
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory

pytestmark = pytest.mark.django_db


def told():
    while outbox.drain():
        pass
    found = OutboxEvent.objects.filter(kind="reward.affordable").order_by("pk")
    return [event.data["reward"] for event in found]


def move(wallet, points, ref):
    wallet.refresh_from_db()
    ledger.adjust(wallet=wallet, points=points, reason="x", reference=ref, actor=SYSTEM)


def test_once_until_it_is_out_of_reach_again():
    programme = make_programme()
    make_reward(programme, "mug", price_points=100)
    make_reward(programme, "car", price_points=9_000)
    make_reward(programme, "vip", price_points=50, tags=["vip"])
    wallet = WalletFactory(programme=programme)

    move(wallet, 99, "a")
    assert told() == []
    move(wallet, 1, "b")
    move(wallet, 5, "c")
    assert told() == ["mug"]
    move(wallet, -20, "d")
    assert told() == ["mug"]
    move(wallet, 20, "e")
    assert told() == ["mug", "mug"]


def test_and_again_after_it_was_taken():
    programme = make_programme()
    mug = make_reward(programme, "mug", price_points=100)
    wallet = WalletFactory(programme=programme)
    move(wallet, 250, "a")
    assert told() == ["mug"]

    redemptions.redeem(
        reward=mug, member=wallet.member, source="t", source_ref="1", now=clock.now(), actor=SYSTEM
    )
    assert told() == ["mug"]
    move(wallet, 1, "b")
    assert told() == ["mug", "mug"]
