"""Points that lapse, points that become active, and the order of the night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from rewards.models import DailyRollup, LedgerTx, PendingGrant, Programme, Wallet
from rewards.rules.expiry import NEVER
from rewards.services.ledger import (
    activate_pending,
    expire_inactive,
    expire_lots,
    lock_wallets,
    place_hold,
    post_purchase,
    void_hold,
)
from rewards.services.wallets import freeze_wallet
from rewards.tasks import (
    BEAT_SCHEDULE,
    audit_ledger,
    refresh_daily_rollups,
    release_holds,
    roll_day,
)
from tests.factories.rewards import ProgrammeFactory, WalletFactory, event

pytestmark = pytest.mark.django_db

SPRING = datetime(2030, 4, 1, tzinfo=UTC)
SUMMER = datetime(2030, 7, 1, tzinfo=UTC)
AUTUMN = datetime(2030, 10, 1, tzinfo=UTC)


def lots(wallet):
    return {lot.expires_at: lot.remaining for lot in wallet.lots.unspent()}


def promise(wallet, amount, available_at, expires_at=AUTUMN):
    with transaction.atomic():
        lock_wallets([wallet.pk])
        posted = post_purchase(
            wallet_id=wallet.pk,
            event=event(),
            earn=0,
            earn_expires_at=None,
            redeem=0,
            pending=(amount, available_at, expires_at),
        )
    return PendingGrant.objects.get(pk=posted.pending_id)


def test_lots_past_their_day_expire_each_in_an_entry_of_its_own():
    wallet = WalletFactory(lots={SPRING: 30, SUMMER: 40, AUTUMN: 50})

    done = expire_lots(as_of=SUMMER)

    assert (done.wallets, done.lots, done.points) == (1, 2, 70)
    assert lots(wallet) == {AUTUMN: 50}
    assert list(wallet.entries.filter(kind="expire").values_list("amount", flat=True)) == [-30, -40]
    expired = LedgerTx.objects.filter(op="expire").order_by("effective_at")
    assert [tx.effective_at for tx in expired] == [SPRING, SUMMER]
    assert OutboxEvent.objects.get(kind="points.expired").data == {"amount": -70, "balance": 50}


def test_the_same_night_again_finds_nothing():
    WalletFactory(lots={SPRING: 30})

    assert [expire_lots(as_of=SUMMER).points for _ in range(3)] == [30, 0, 0]


def test_held_points_stay_until_a_later_night():
    wallet = WalletFactory(lots={SPRING: 30, SUMMER: 40})
    place_hold(
        wallet=wallet, amount=50, ttl=timedelta(hours=1), source="pos", source_ref="1", actor=SYSTEM
    )

    assert expire_lots(as_of=AUTUMN).points == 20
    assert lots(wallet) == {SPRING: 10, SUMMER: 40}


def test_what_a_hold_kept_goes_on_the_next_day():
    wallet = WalletFactory(lots={SPRING: 30})
    hold = place_hold(
        wallet=wallet, amount=20, ttl=timedelta(hours=1), source="pos", source_ref="1", actor=SYSTEM
    )
    expire_lots(as_of=SUMMER)
    void_hold(hold=hold, actor=SYSTEM)

    assert expire_lots(as_of=SUMMER).points == 0
    assert expire_lots(as_of=SUMMER + timedelta(days=1)).points == 20


def test_a_frozen_wallet_expires_too():
    wallet = WalletFactory(lots={SPRING: 30})
    freeze_wallet(wallet=wallet, reason="under review", actor=SYSTEM)

    assert expire_lots(as_of=SUMMER).points == 30


def test_many_wallets_go_in_pages():
    programme = ProgrammeFactory()
    for _ in range(5):
        WalletFactory(lots={SPRING: 1, SUMMER: 2}, programme=programme)

    assert expire_lots(as_of=AUTUMN).points == 15


def test_who_stays_away_loses_everything_that_is_not_held():
    programme = ProgrammeFactory(expiry=Programme.Expiry.INACTIVITY, expiry_days=90)
    away = WalletFactory(points=30, programme=programme)
    here = WalletFactory(points=30, programme=programme)
    Wallet.objects.filter(pk=here.pk).update(last_activity_at=SUMMER)
    Wallet.objects.filter(pk=away.pk).update(last_activity_at=SPRING)

    done = expire_inactive(as_of=SUMMER + timedelta(days=1))

    assert (done.wallets, done.points) == (1, 30)
    assert (lots(away), lots(here)) == ({}, {NEVER: 30})
    assert expire_inactive(as_of=SUMMER + timedelta(days=2)).points == 0


def test_promised_points_become_active_in_their_time_and_once():
    wallet = WalletFactory()
    grant = promise(wallet, 10, SUMMER)

    assert [activate_pending(as_of=moment) for moment in (SPRING, SUMMER, SUMMER)] == [0, 1, 0]

    grant.refresh_from_db()
    assert grant.posted_tx.source_ref == str(grant.pk)
    assert lots(wallet) == {AUTUMN: 10}
    assert OutboxEvent.objects.filter(kind="points.activated").count() == 1


def test_points_of_a_frozen_wallet_wait_and_do_not_stop_others():
    frozen, free = WalletFactory(), WalletFactory()
    promise(frozen, 10, SPRING)
    promise(free, 20, SUMMER)
    freeze_wallet(wallet=frozen, reason="under review", actor=SYSTEM)

    assert activate_pending(as_of=SUMMER, limit=1) == 1
    assert (lots(frozen), lots(free)) == ({}, {AUTUMN: 20})


def test_the_night_activates_before_it_expires():
    """Points that become active and lapse in the same night are given, and then taken."""
    wallet = WalletFactory()
    past = datetime(2024, 2, 1, tzinfo=UTC)
    promise(wallet, 10, past, past + timedelta(days=1))

    roll_day()

    kinds = list(wallet.entries.order_by("seq").values_list("kind", "amount"))
    assert kinds == [("earn", 10), ("expire", -10)]


def test_the_clock_frees_holds_proves_the_books_and_counts_the_days():
    wallet = WalletFactory(points=100)
    place_hold(
        wallet=wallet,
        amount=5,
        ttl=timedelta(microseconds=1),
        source="pos",
        source_ref="1",
        actor=SYSTEM,
    )

    assert release_holds() == 1
    audit_ledger()
    refresh_daily_rollups()

    wallet.refresh_from_db()
    assert (wallet.held, wallet.status) == (0, "active")
    assert DailyRollup.objects.get().amount == 100
    assert {
        task.name for task in (roll_day, release_holds, audit_ledger, refresh_daily_rollups)
    } <= {entry["task"] for entry in BEAT_SCHEDULE.values()}
