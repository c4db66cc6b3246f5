"""The ledger's services against a real database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import transaction

from loyalty_crm.kernel.errors import SourceRefConflict
from loyalty_crm.kernel.models import OutboxEvent
from rewards.errors import InsufficientPoints
from rewards.models import LedgerEntry, LedgerTx, LotMove, PendingGrant, Wallet
from rewards.rules.expiry import NEVER
from rewards.services.ledger import lock_wallets, post_purchase, reverse_purchase
from tests.factories.rewards import LONG_AGO, ProgrammeFactory, WalletFactory, event

pytestmark = pytest.mark.django_db

SPRING = datetime(2030, 4, 1, tzinfo=UTC)
SUMMER = datetime(2030, 7, 1, tzinfo=UTC)
AUTUMN = datetime(2030, 10, 1, tzinfo=UTC)


def sale(wallet, *, earn=0, redeem=0, expires=AUTUMN, **fields):
    with transaction.atomic():
        lock_wallets([wallet.pk])
        return post_purchase(
            wallet_id=wallet.pk,
            event=event(),
            earn=earn,
            earn_expires_at=expires,
            redeem=redeem,
            **fields,
        )


REFUND = {
    "restore": 0,
    "restore_of_tx": None,
    "clawback": 0,
    "pending_id": None,
    "sale_lot_expires_at": AUTUMN,
    "debt_policy": "allow",
    "expired_on_restore": "revive",
    "revive_days": 30,
    "now": LONG_AGO,
}


def refund(wallet, **fields):
    asked = {**REFUND, **fields}
    with transaction.atomic():
        takes_back = event("refund", reverses=asked["restore_of_tx"])
        return reverse_purchase(wallet_id=wallet.pk, event=takes_back, **asked)


def lots(wallet):
    return {lot.expires_at: lot.remaining for lot in wallet.lots.unspent()}


def entries(wallet):
    return list(wallet.entries.order_by("seq").values_list("kind", "amount", "balance_after"))


def test_a_sale_spends_the_nearest_expiry_first_and_then_earns():
    wallet = WalletFactory(lots={AUTUMN: 50, SPRING: 30, SUMMER: 40})

    posted = sale(wallet, earn=7, redeem=60)

    assert posted.balance_after == 67
    assert lots(wallet) == {SUMMER: 10, AUTUMN: 57}
    assert entries(wallet)[-2:] == [("redeem", -60, 60), ("earn", 7, 67)]
    kinds = OutboxEvent.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["points.spent", "points.earned"]
    wallet.refresh_from_db()
    assert (wallet.posted, wallet.last_seq, wallet.last_activity_at) == (67, 5, LONG_AGO)


def test_a_sale_that_earns_into_a_new_lot_leaves_one_lot():
    wallet = WalletFactory()

    sale(wallet, earn=5)
    sale(wallet, earn=6)

    assert lots(wallet) == {AUTUMN: 11}
    assert wallet.lots.count() == 1


def test_a_sale_without_points_only_remembers_the_visit():
    wallet = WalletFactory()

    posted = sale(wallet)

    assert posted.tx_id is None
    wallet.refresh_from_db()
    assert (wallet.last_activity_at, wallet.last_seq) == (LONG_AGO, 0)


def test_a_sale_can_not_spend_more_than_there_is():
    wallet = WalletFactory(points=99)

    with pytest.raises(InsufficientPoints) as refusal:
        sale(wallet, redeem=100)

    assert refusal.value.detail == {"available": 99, "requested": 100}
    assert lots(wallet) == {NEVER: 99}


def test_a_known_event_is_refused_and_leaves_no_trace():
    wallet = WalletFactory()
    once = event(ref="4711")
    for expected in (None, SourceRefConflict):
        with transaction.atomic():
            lock_wallets([wallet.pk])
            args = {
                "wallet_id": wallet.pk,
                "event": once,
                "earn": 5,
                "earn_expires_at": AUTUMN,
                "redeem": 0,
            }
            if expected:
                with pytest.raises(expected):
                    post_purchase(**args)
            else:
                post_purchase(**args)

    assert LedgerEntry.objects.count() == 1


def test_points_may_wait_before_they_are_active():
    wallet = WalletFactory()

    posted = sale(wallet, pending=(10, SPRING, AUTUMN))

    grant = PendingGrant.objects.get(pk=posted.pending_id)
    assert (grant.amount, grant.available_at, grant.tx_id) == (10, SPRING, posted.tx_id)
    assert posted.balance_after == 0


def test_a_return_after_the_points_were_spent_goes_into_debt_which_the_next_earn_pays():
    wallet = WalletFactory()
    earned = sale(wallet, earn=100)
    sale(wallet, redeem=100)

    done = refund(wallet, clawback=100)

    assert (done.clawed_back, done.written_off, done.balance_after) == (100, 0, -100)
    with pytest.raises(InsufficientPoints):
        sale(wallet, redeem=1)
    sale(wallet, earn=150)
    assert lots(wallet) == {AUTUMN: 50}
    assert earned.tx_id != done.tx_id


def test_a_return_beyond_the_debt_limit_is_written_off_and_shown():
    wallet = WalletFactory()
    sale(wallet, earn=1500)
    sale(wallet, redeem=1500)

    done = refund(wallet, clawback=1500)

    assert (done.clawed_back, done.written_off, done.balance_after) == (1000, 500, -1000)
    assert entries(wallet)[-2:] == [("adjust", 500, 500), ("clawback", -1500, -1000)]


def test_a_clipped_return_stops_at_zero():
    wallet = WalletFactory()
    sale(wallet, earn=100)
    sale(wallet, redeem=70)

    done = refund(wallet, clawback=100, debt_policy="clip")

    assert (done.clawed_back, done.written_off, done.balance_after) == (30, 70, 0)
    assert lots(wallet) == {}


def test_points_that_were_not_active_are_taken_back_first():
    wallet = WalletFactory()
    posted = sale(wallet, earn=10, pending=(20, SPRING, AUTUMN))

    done = refund(wallet, clawback=25, pending_id=posted.pending_id)

    assert (done.from_pending, done.clawed_back, done.balance_after) == (20, 5, 5)


def test_the_sales_own_lot_is_taken_back_before_others():
    wallet = WalletFactory(lots={SPRING: 50})
    sale(wallet, earn=30)

    refund(wallet, clawback=40)

    assert lots(wallet) == {SPRING: 40}


def test_spent_points_return_to_their_own_lots_in_reverse_over_several_returns():
    wallet = WalletFactory(lots={SPRING: 30, SUMMER: 30, AUTUMN: 30})
    spent = sale(wallet, redeem=90)

    found = []
    for part in (40, 20, 30):
        refund(wallet, restore=part, restore_of_tx=spent.tx_id)
        found.append(lots(wallet))

    assert found == [
        {AUTUMN: 30, SUMMER: 10},
        {AUTUMN: 30, SUMMER: 30},
        {AUTUMN: 30, SUMMER: 30, SPRING: 30},
    ]
    assert set(wallet.lots.values_list("granted", flat=True)) == {30}


def test_points_that_expired_meanwhile_live_again_for_some_days():
    programme = ProgrammeFactory(time_zone="Europe/Moscow")
    wallet = WalletFactory(lots={SPRING: 30, AUTUMN: 30}, programme=programme)
    spent = sale(wallet, redeem=60)

    done = refund(wallet, restore=60, restore_of_tx=spent.tx_id, now=SUMMER)

    revived = datetime(2030, 7, 31, 21, tzinfo=UTC)
    assert lots(wallet) == {revived: 30, AUTUMN: 30}
    assert done.restored == 60


def test_points_that_expired_meanwhile_may_stay_lost():
    wallet = WalletFactory(lots={SPRING: 30, AUTUMN: 30})
    spent = sale(wallet, redeem=60)

    done = refund(
        wallet, restore=60, restore_of_tx=spent.tx_id, now=SUMMER, expired_on_restore="lost"
    )

    assert (done.restored, lots(wallet)) == (30, {AUTUMN: 30})


def test_restored_points_pay_a_debt_first():
    wallet = WalletFactory(lots={SPRING: 30, AUTUMN: 30})
    spent = sale(wallet, redeem=60)
    refund(wallet, clawback=40)

    refund(wallet, restore=60, restore_of_tx=spent.tx_id)

    assert lots(wallet) == {AUTUMN: 20}


def test_points_of_a_captured_hold_come_back_in_a_transaction_of_their_own():
    wallet = WalletFactory(lots={SPRING: 30})
    paid, earned = sale(wallet, redeem=20), sale(wallet, earn=5)
    with transaction.atomic():
        done = reverse_purchase(
            wallet_id=wallet.pk,
            event=event("refund", reverses=earned.tx_id),
            **{**REFUND, "restore": 20, "restore_of_tx": paid.tx_id, "clawback": 5},
        )

    takes_back = LedgerTx.objects.filter(reverses__isnull=False).order_by("pk")
    assert [(tx.op, tx.reverses_id) for tx in takes_back] == [
        ("refund:restore", paid.tx_id),
        ("refund", earned.tx_id),
    ]
    assert done.tx_id == takes_back[1].pk
    assert lots(wallet) == {SPRING: 30}


def test_no_more_is_restored_than_was_spent():
    wallet = WalletFactory(lots={SPRING: 30})
    spent = sale(wallet, redeem=20)
    refund(wallet, restore=15, restore_of_tx=spent.tx_id)

    with pytest.raises(ValueError, match="did not spend"):
        refund(wallet, restore=6, restore_of_tx=spent.tx_id)


def test_nothing_to_take_back_writes_nothing():
    wallet = WalletFactory()

    assert refund(wallet).tx_id is None
    assert not LotMove.objects.exists()
    assert Wallet.objects.get().last_seq == 0
