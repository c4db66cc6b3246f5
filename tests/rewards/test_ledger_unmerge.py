"""A merge of wallets taken back, while everything that it brought is still there."""

from __future__ import annotations

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from rewards.errors import MergeNotUndone, OpenHolds
from rewards.models import LedgerTx
from rewards.services.ledger import merge_wallets, place_hold, unmerge_wallets, wallet_for
from tests.concurrency import race
from tests.factories.rewards import event
from tests.rewards.test_ledger_merge import SPRING, SUMMER, lots, pair, sale, take_back

pytestmark = pytest.mark.django_db


def merged(giver, taker):
    giver, taker = pair(giver=giver, taker=taker)
    merge_wallets(source=giver, survivor=taker, event=event("merge"))
    return giver, taker


def undo(giver, ref="undo-1"):
    return unmerge_wallets(source=giver, event=event("unmerge", ref))


def test_every_lot_goes_back_with_its_expiry():
    giver, taker = merged({"lots": {SPRING: 10, SUMMER: 20}}, {"lots": {SUMMER: 5}})

    undo(giver)

    giver.refresh_from_db()
    assert (giver.status, giver.merged_into, giver.posted) == ("active", None, 30)
    assert (lots(giver), lots(taker)) == ({SPRING: 10, SUMMER: 20}, {SUMMER: 5})
    assert wallet_for(giver.member_id, giver.programme) == giver
    told = OutboxEvent.objects.get(kind="wallet.unmerged").data
    assert told == {"survivor": str(taker.public_id), "amount": 30}


def test_what_came_after_stays_with_the_survivor():
    giver, taker = merged({"lots": {SPRING: 10}}, {})
    sale(giver, earn=3)

    undo(giver)

    assert (lots(giver), lots(taker)) == ({SPRING: 10}, {SPRING: 3})


def test_what_is_spent_is_not_given_back():
    giver, taker = merged({"lots": {SPRING: 10, SUMMER: 20}}, {"lots": {SUMMER: 50}})
    sale(taker, redeem=4)  # the nearest expiry goes first: the lot that the merge brought

    with pytest.raises(MergeNotUndone) as refused:
        undo(giver)

    assert refused.value.detail == {"reason": "spent", "missing": 4}
    giver.refresh_from_db()
    assert giver.status == "merged"
    assert lots(taker) == {SPRING: 6, SUMMER: 70}


def test_what_is_held_is_not_given_back():
    giver, taker = merged({"lots": {SPRING: 10}}, {"lots": {SPRING: 5}})
    place_hold(
        wallet=taker, amount=6, ttl=SUMMER - SPRING, source="t", source_ref="1", actor=SYSTEM
    )
    with pytest.raises(OpenHolds):
        undo(giver)


def test_a_debt_stays_where_it_went():
    giver, taker = pair(giver={"debt_limit": 100}, taker={"lots": {SPRING: 100}})
    take_back(giver, 7)
    merge_wallets(source=giver, survivor=taker, event=event("merge"))
    with pytest.raises(MergeNotUndone) as refused:
        undo(giver)
    assert refused.value.detail == {"reason": "debt"}


def test_empty_wallets_part_too():
    giver, taker = merged({}, {"lots": {SPRING: 5}})
    undo(giver)
    giver.refresh_from_db()
    assert (giver.status, giver.posted) == ("active", 0)
    assert lots(taker) == {SPRING: 5}


def test_only_a_merge_is_taken_back_and_once():
    giver, taker = pair(giver={"lots": {SPRING: 10}}, taker={})
    with pytest.raises(MergeNotUndone):
        undo(giver)
    merge_wallets(source=giver, survivor=taker, event=event("merge"))
    undo(giver, "a")
    assert undo(giver, "a").posted == 10
    with pytest.raises(MergeNotUndone):
        undo(giver, "b")
    merge_wallets(source=giver, survivor=taker, event=event("merge"))
    undo(giver, "c")
    assert lots(giver) == {SPRING: 10}
    assert LedgerTx.objects.filter(op="unmerge").count() == 2


@pytest.mark.django_db(transaction=True)
def test_undoing_while_the_survivor_spends_loses_nothing():
    giver, taker = merged({"lots": {SPRING: 100}}, {"lots": {SPRING: 100}})

    met = race(
        [lambda: undo(giver)]
        + [lambda: sale(taker, redeem=30) for _ in range(4)]
        + [lambda: sale(giver, redeem=30) for _ in range(2)]
    )

    giver.refresh_from_db()
    taker.refresh_from_db()
    spent = 30 * sum(not hasattr(one, "unit") for one in met.results)
    assert met.overlap > 1
    assert giver.posted + taker.posted == 200 - spent
    assert min(giver.posted, taker.posted) >= 0
