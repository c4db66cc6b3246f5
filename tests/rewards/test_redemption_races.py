"""Many hands at one reward: the last piece is given once, points pay once, one ending holds.

What the others wait for is the row of the stock, the wallet, or the redemption.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.errors import InsufficientPoints, RedemptionState, RewardUnavailable
from rewards.models import Redemption, RewardStock
from rewards.services import redemptions
from rewards.services.audit_ledger import audit_ledger
from rewards.services.catalogue import stock
from tests.concurrency import in_own_session, race, wait_until_a_session_is_blocked
from tests.factories.catalogue import make_reward
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.rewards.ledger_tools import owner_did

pytestmark = pytest.mark.django_db(transaction=True)

TILLS = 16
CHECK = "reward_stock_never_below_zero"
TAKE_OUT = f"ALTER TABLE rewards_rewardstock DROP CONSTRAINT {CHECK}"
PUT_BACK = f"""
TRUNCATE rewards_rewardstock CASCADE;
ALTER TABLE rewards_rewardstock ADD CONSTRAINT {CHECK} CHECK (on_hand >= held)
"""


@pytest.fixture
def programme():
    return make_programme()


def take(reward, member, ref):
    return redemptions.redeem(
        reward=reward, member=member, source="test", source_ref=ref, now=clock.now(), actor=SYSTEM
    )


def last_piece(programme):
    mug = make_reward(programme, stock=1)
    members = [WalletFactory(programme=programme, points=100).member for _ in range(TILLS)]
    return mug, race([partial(take, mug, one, f"t{no}") for no, one in enumerate(members)])


def without_a_condition(redemption, *, at_once):
    """What ``claim`` would be if it looked first and wrote then."""
    RewardStock.objects.filter(pk=redemption.stock_id).update(held=F("held") + 1)


def test_the_last_piece_goes_to_one_of_sixteen(programme):
    mug, done = last_piece(programme)

    assert done.overlap > 1
    assert len(done.results) == 1
    assert {type(error) for error in done.errors} == {RewardUnavailable}
    row = RewardStock.objects.get(reward=mug)
    assert (row.on_hand, row.held, Redemption.objects.count()) == (1, 1, 1)
    assert not [one for one in audit_ledger() if one.count]


def test_control_without_the_condition_the_table_refuses(programme, monkeypatch):
    monkeypatch.setattr(stock, "claim", without_a_condition)
    mug, done = last_piece(programme)

    assert len(done.results) == 1
    assert IntegrityError in {type(error) for error in done.errors}
    assert RewardStock.objects.get(reward=mug).held == 1


def test_control_without_condition_and_table_more_is_given_than_there_is(programme, monkeypatch):
    monkeypatch.setattr(stock, "claim", without_a_condition)
    with owner_did(before=TAKE_OUT, after=PUT_BACK):
        mug, done = last_piece(programme)
        assert done.overlap > 1
        assert RewardStock.objects.get(reward=mug).held == len(done.results) > 1


def test_points_for_one_pay_for_one(programme):
    mug = make_reward(programme)
    member = WalletFactory(programme=programme, points=150).member

    with ThreadPoolExecutor(1) as other_till:
        with transaction.atomic():
            take(mug, member, "first")
            second = other_till.submit(in_own_session, partial(take, mug, member, "second"))
            wait_until_a_session_is_blocked()
        with pytest.raises(InsufficientPoints):
            second.result(timeout=10)

    assert member.wallets.get().posted == 50


def test_two_of_a_member_do_not_pass_the_limit(programme):
    mug = make_reward(programme, per_member=1)
    member = WalletFactory(programme=programme, points=1_000).member

    done = race([partial(take, mug, member, f"r{no}") for no in range(6)])

    assert len(done.results) == 1
    assert {error.detail["reasons"][0] for error in done.errors} == {"limit"}


@pytest.mark.parametrize("first", ["fulfil", "cancel"])
def test_handing_over_beside_cancelling_ends_one_way(programme, first):
    mug = make_reward(programme, stock=1)
    member = WalletFactory(programme=programme, points=100).member
    taken = take(mug, member, "1")
    now = clock.now()
    calls = {
        "fulfil": partial(redemptions.fulfil, redemption=taken, now=now, actor=SYSTEM),
        "cancel": partial(redemptions.cancel, redemption=taken, reason="x", now=now, actor=SYSTEM),
    }
    (other,) = set(calls) - {first}

    with ThreadPoolExecutor(1) as other_till:
        with transaction.atomic():
            calls[first]()
            second = other_till.submit(in_own_session, calls[other])
            wait_until_a_session_is_blocked()
        if first == "cancel":
            with pytest.raises(RedemptionState):
                second.result(timeout=10)
        else:
            assert second.result(timeout=10).state == "cancelled"

    row = RewardStock.objects.get()
    assert (row.on_hand, row.held, member.wallets.get().posted) == (1, 0, 100)
    assert not [one for one in audit_ledger() if one.count]
