"""Holds: set aside, captured, released, expired."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import SourceRefConflict
from loyalty_crm.kernel.models import AuditEntry, OutboxEvent
from rewards.errors import (
    CaptureExceedsHold,
    HoldExpired,
    HoldResolved,
    InsufficientPoints,
    WalletFrozen,
)
from rewards.models import Hold, HoldResolution
from rewards.services.ledger import capture_hold, expire_due_holds, place_hold, void_hold
from rewards.services.wallets import freeze_wallet
from tests.factories.rewards import LONG_AGO, WalletFactory

pytestmark = pytest.mark.django_db

QUARTER = timedelta(minutes=15)
SOON = timedelta(milliseconds=20)


def hold_on(wallet, amount, ttl=QUARTER, ref="till-1"):
    return place_hold(
        wallet=wallet, amount=amount, ttl=ttl, source="pos", source_ref=ref, actor=SYSTEM
    )


def capture(hold, amount, ref="pay-1", **options):
    return capture_hold(
        hold=hold,
        amount=amount,
        source="pos",
        source_ref=ref,
        effective_at=LONG_AGO,
        actor=SYSTEM,
        **options,
    )


def state(wallet):
    wallet.refresh_from_db()
    return wallet.posted, wallet.held


def over(hold):
    """Wait, by the database's clock, until the hold is over."""
    while hold.expires_at > timezone.now():
        time.sleep(0.005)
    return hold


def test_a_hold_sets_points_aside_and_says_so():
    wallet = WalletFactory(points=100)

    hold = hold_on(wallet, 80)

    assert state(wallet) == (100, 80)
    assert wallet.available == 20
    assert OutboxEvent.objects.get(kind="points.held").data["hold"] == str(hold.public_id)
    with pytest.raises(InsufficientPoints):
        hold_on(wallet, 21, ref="till-2")


def test_a_partial_capture_frees_the_rest():
    wallet = WalletFactory(points=100)
    hold = hold_on(wallet, 80)

    captured = capture(hold, 60)

    assert (captured.balance_after, captured.held) == (40, 0)
    assert state(wallet) == (40, 0)
    assert HoldResolution.objects.get().captured == 60


def test_no_more_is_captured_than_was_held():
    wallet = WalletFactory(points=100)
    hold = hold_on(wallet, 80)

    with pytest.raises(CaptureExceedsHold) as refusal:
        capture(hold, 81)

    assert refusal.value.detail == {"held": 80, "requested": 81}
    assert state(wallet) == (100, 80)


def test_a_repeat_of_hold_and_capture_is_the_first_one():
    wallet = WalletFactory(points=100)

    assert hold_on(wallet, 80) == hold_on(wallet, 80)
    hold = hold_on(wallet, 80)
    assert capture(hold, 60).tx_id == capture(hold, 60).tx_id
    assert state(wallet) == (40, 0)
    with pytest.raises(SourceRefConflict):
        hold_on(wallet, 79)
    with pytest.raises(SourceRefConflict):
        capture(hold, 61)


def test_a_hold_ends_once():
    wallet = WalletFactory(points=100)
    hold = hold_on(wallet, 80)
    void_hold(hold=hold, reason="the customer left", actor=SYSTEM)

    void_hold(hold=hold, actor=SYSTEM)

    with pytest.raises(HoldResolved) as refusal:
        capture(hold, 60)
    assert refusal.value.detail == {"outcome": "voided"}
    assert state(wallet) == (100, 0)
    assert AuditEntry.objects.get(action="hold.void").reason == "the customer left"
    assert OutboxEvent.objects.get(kind="points.released").data["amount"] == 80


def test_a_captured_hold_is_not_released():
    hold = hold_on(WalletFactory(points=100), 80)
    capture(hold, 80)

    with pytest.raises(HoldResolved):
        void_hold(hold=hold, actor=SYSTEM)


def test_an_expired_hold_is_refused_or_spent_afresh_when_asked():
    wallet = WalletFactory(points=100)
    hold = over(hold_on(wallet, 80, SOON))

    with pytest.raises(HoldExpired):
        capture(hold, 60)
    captured = capture(hold, 60, allow_reauth=True)

    assert (captured.balance_after, captured.held) == (40, 0)
    assert HoldResolution.objects.get().outcome == "expired"


def test_a_released_and_expired_hold_may_still_be_spent_afresh_if_the_points_are_there():
    wallet = WalletFactory(points=100)
    first = over(hold_on(wallet, 80, SOON))
    assert expire_due_holds() == 1
    hold_on(wallet, 50, ref="till-2")

    with pytest.raises(InsufficientPoints):
        capture(first, 80, allow_reauth=True)
    assert capture(first, 50, allow_reauth=True).balance_after == 50
    assert state(wallet) == (50, 50)


def test_the_job_frees_what_is_over_and_nothing_else():
    wallet = WalletFactory(points=100)
    hold_on(wallet, 30)
    over(hold_on(wallet, 50, SOON, ref="till-2"))

    assert (expire_due_holds(), expire_due_holds()) == (1, 0)
    assert state(wallet) == (100, 30)


def test_a_frozen_wallet_frees_its_holds_and_pays_nothing():
    wallet = WalletFactory(points=100)
    hold = hold_on(wallet, 80)
    freeze_wallet(wallet=wallet, reason="a stolen card", actor=SYSTEM)

    with pytest.raises(WalletFrozen):
        capture(hold, 60)
    void_hold(hold=hold, actor=SYSTEM)

    assert state(wallet) == (100, 0)


@pytest.mark.parametrize("shift", [timedelta(hours=2), timedelta(hours=-2)])
def test_only_the_databases_clock_says_whether_a_hold_is_over(shift):
    with time_machine.travel(timezone.now() + shift, tick=True):
        wallet = WalletFactory(points=100)
        lasting = hold_on(wallet, 30)
        short = hold_on(wallet, 50, SOON, ref="till-2")
        # Nothing to do with our clock: the server sleeps.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.03)")

        assert expire_due_holds() == 1
        assert HoldResolution.objects.get().hold == short
        assert capture(lasting, 30).balance_after == 70


def test_the_database_refuses_what_the_service_would_not_ask(django_assert_num_queries):
    """The same rules stand in the triggers, for whoever writes past the service."""
    wallet = WalletFactory(points=100)
    hold = hold_on(wallet, 80, timedelta(hours=1))
    late = over(hold_on(wallet, 10, SOON, ref="till-2"))

    def resolve(hold, outcome, captured):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO rewards_holdresolution (hold_id, outcome, captured, tx_id)"
                " VALUES (%s, %s, %s, %s)",
                [hold.pk, outcome, captured, hold.tx_id],
            )

    for asked, sqlstate in [
        ((hold, "captured", 81), "P0L03"),
        ((hold, "expired", 0), "23000"),
        ((late, "captured", 10), "P0L04"),
    ]:
        with pytest.raises(Exception) as refusal:  # noqa: PT011 - the code is what counts
            resolve(*asked)
        assert refusal.value.__cause__.sqlstate == sqlstate
    assert Hold.objects.unresolved().count() == 2
