"""Two wallets become one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from loyalty_crm.kernel.actors import SYSTEM
from rewards.errors import OpenHolds, WalletMerged, WalletsDiffer
from rewards.services.ledger import (
    activate_pending,
    lock_wallets,
    merge_wallets,
    place_hold,
    post_purchase,
    reverse_purchase,
    wallet_for,
)
from tests.factories.rewards import ProgrammeFactory, WalletFactory, event

pytestmark = pytest.mark.django_db

SPRING = datetime(2030, 4, 1, tzinfo=UTC)
SUMMER = datetime(2030, 7, 1, tzinfo=UTC)


def pair(**fields):
    programme = ProgrammeFactory()
    return [
        WalletFactory(programme=programme, **given) for given in (fields["giver"], fields["taker"])
    ]


def sale(wallet, **fields):
    with transaction.atomic():
        state = lock_wallets([wallet.pk])[wallet.pk]
        given = {"earn": 0, "earn_expires_at": SPRING, "redeem": 0, **fields}
        return post_purchase(wallet_id=state.id, event=event(), **given)


def take_back(wallet, amount, **fields):
    asked = {
        "restore": 0, "restore_of_tx": None, "clawback": amount, "pending_id": None,
        "sale_lot_expires_at": SPRING, "debt_policy": "allow", "expired_on_restore": "lost",
        "revive_days": 0, "now": datetime(2029, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    with transaction.atomic():
        return reverse_purchase(wallet_id=wallet.pk, event=event("refund"), **{**asked, **fields})


def lots(wallet):
    return {lot.expires_at: lot.remaining for lot in wallet.lots.unspent()}


def test_every_lot_moves_with_its_expiry():
    giver, taker = pair(giver={"lots": {SPRING: 10, SUMMER: 20}}, taker={"lots": {SUMMER: 5}})

    merge_wallets(source=giver, survivor=taker, event=event("merge"))

    giver.refresh_from_db()
    assert (giver.status, giver.posted, giver.merged_into) == ("merged", 0, taker)
    assert (lots(giver), lots(taker)) == ({}, {SPRING: 10, SUMMER: 25})


def test_late_sales_returns_and_promises_follow_to_the_survivor():
    giver, taker = pair(giver={"lots": {SPRING: 10}}, taker={})
    spent = sale(giver, redeem=10)
    sale(giver, pending=(7, SPRING, SUMMER))
    merge_wallets(source=giver, survivor=taker, event=event("merge"))

    sale(giver, earn=3)
    take_back(giver, 0, restore=10, restore_of_tx=spent.tx_id)
    activate_pending(as_of=SUMMER)

    assert lots(taker) == {SPRING: 13, SUMMER: 7}
    assert wallet_for(giver.member_id, giver.programme) == taker


def test_debt_moves_too_even_below_the_survivors_limit():
    giver, taker = pair(giver={}, taker={"lots": {SUMMER: 30}})
    take_back(giver, 900)

    merge_wallets(source=giver, survivor=taker, event=event("merge"))
    taker.refresh_from_db()

    assert (taker.posted, lots(taker)) == (-870, {})


def test_points_pay_the_survivors_debt_nearest_expiry_first():
    giver, taker = pair(giver={"lots": {SPRING: 10, SUMMER: 20}}, taker={})
    take_back(taker, 15)

    merge_wallets(source=giver, survivor=taker, event=event("merge"))

    assert lots(taker) == {SUMMER: 15}


def test_a_repeat_changes_nothing_and_another_merge_is_refused():
    giver, taker = pair(giver={"points": 10}, taker={})
    once = event("merge")

    merge_wallets(source=giver, survivor=taker, event=once)
    merge_wallets(source=giver, survivor=taker, event=once)

    with pytest.raises(WalletMerged) as refusal:
        merge_wallets(source=taker, survivor=giver, event=event("merge"))
    assert refusal.value.detail == {"survivor": str(taker.public_id)}
    assert sum(lots(taker).values()) == 10


def test_open_holds_and_other_programmes_are_refused():
    giver, taker = pair(giver={"points": 10}, taker={})
    place_hold(
        wallet=giver, amount=5, ttl=timedelta(hours=1), source="pos", source_ref="1", actor=SYSTEM
    )

    with pytest.raises(OpenHolds):
        merge_wallets(source=giver, survivor=taker, event=event("merge"))
    with pytest.raises(WalletsDiffer):
        merge_wallets(source=taker, survivor=WalletFactory(), event=event("merge"))


def test_an_open_wallet_comes_before_one_that_was_merged():
    giver, taker = pair(giver={"points": 10}, taker={})
    merge_wallets(source=giver, survivor=taker, event=event("merge"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rewards_wallet (programme_id, member_id, unit) VALUES (%s, %s, %s)"
            " RETURNING id",
            [giver.programme_id, giver.member_id, giver.unit],
        )
        (opened,) = cursor.fetchone()

    assert wallet_for(giver.member_id, giver.programme).pk == opened
