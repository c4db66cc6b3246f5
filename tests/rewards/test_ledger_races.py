"""Many tills at one wallet (quality bar 4, 5, 6, 11, 14, 22 and 23).

Ask of each race what the others waited for: the wallet's row. Each has a
control in which that defence is away and the same harness sees the damage.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.database import sqlstate
from loyalty_crm.kernel.errors import SourceRefConflict, WalletBusy
from rewards.errors import HoldExpired, HoldResolved, InsufficientPoints, WalletMerged
from rewards.models import HoldResolution, LedgerEntry, LedgerTx, Lot, Wallet
from rewards.rules.expiry import NEVER
from rewards.services.ledger import (
    capture_hold,
    expire_due_holds,
    expire_lots,
    lock_wallets,
    merge_wallets,
    place_hold,
    post_purchase,
    void_hold,
)
from tests.concurrency import in_own_session, race, wait_until_a_session_is_blocked
from tests.factories.rewards import LONG_AGO, ProgrammeFactory, WalletFactory, event
from tests.rewards.ledger_tools import owner_did

pytestmark = pytest.mark.django_db(transaction=True)

#: The full numbers of the quality bar by ``make long``; each run of ``make test`` takes a few.
FEW, MANY = 3, pytest.param(100, marks=pytest.mark.long)
TILLS = 16


def redeem(wallet_id, points, ref=""):
    """One till: lock, post, commit."""
    with transaction.atomic():
        state = lock_wallets([wallet_id])[wallet_id]
        return post_purchase(
            wallet_id=state.id, event=event(ref=ref), earn=0, earn_expires_at=None, redeem=points
        )


def balance(wallet):
    wallet.refresh_from_db()
    return wallet.posted


@pytest.mark.parametrize("rounds", [FEW, MANY])
@pytest.mark.parametrize(("points", "winners"), [(100, 1), (10, 10)])
def test_the_last_hundred_points_are_spent_once(rounds, points, winners):
    programme, overlaps = ProgrammeFactory(), []
    for _ in range(rounds):
        wallet = WalletFactory(points=100, programme=programme)

        found = race([partial(redeem, wallet.pk, points)] * TILLS)

        assert len(found.results) == winners
        assert {type(error) for error in found.errors} == {InsufficientPoints}
        assert balance(wallet) == 0
        overlaps.append(found.overlap)
    assert max(overlaps) > TILLS // 2


def test_two_tills_meet_at_the_wallet_and_nowhere_else():
    """The second waits for the first one's wallet; a till with another wallet does not wait."""
    wallet, other = WalletFactory(points=100), WalletFactory(points=100)

    with ThreadPoolExecutor(2) as tills:
        with transaction.atomic():
            redeem(wallet.pk, 60)
            second = tills.submit(in_own_session, partial(redeem, wallet.pk, 60))
            wait_until_a_session_is_blocked()
            elsewhere = tills.submit(in_own_session, partial(redeem, other.pk, 60))
            assert elsewhere.result(timeout=5).balance_after == 40
            assert not second.done()
        with pytest.raises(InsufficientPoints):
            second.result(timeout=5)


def test_who_can_not_wait_is_told_that_the_wallet_is_busy():
    wallet = WalletFactory(points=100)

    def impatient():
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '50ms'")
            lock_wallets([wallet.pk])

    with ThreadPoolExecutor(1) as till, transaction.atomic():
        lock_wallets([wallet.pk])
        with pytest.raises(WalletBusy):
            till.submit(in_own_session, impatient).result(timeout=5)


def naive_redeem(wallet_id, points):
    """What a careful-looking service without a lock does: read, check, write."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT posted - held FROM rewards_wallet WHERE id = %s", [wallet_id])
            (available,) = cursor.fetchone()
        if available < points:
            raise InsufficientPoints
        time.sleep(0.01)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE naive_balance SET spent = spent + %s WHERE id = %s", [points, wallet_id]
            )


def test_control_the_harness_sees_a_service_that_overspends():
    wallet = WalletFactory(points=100)
    with owner_did(
        before="CREATE TABLE naive_balance (id bigint PRIMARY KEY, spent bigint DEFAULT 0);"
        " GRANT ALL ON naive_balance TO PUBLIC",
        after="DROP TABLE naive_balance",
    ):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO naive_balance (id) VALUES (%s)", [wallet.pk])

        found = race([partial(naive_redeem, wallet.pk, 100)] * TILLS)

    assert len(found.results) > 1


def unlocked_redeem(wallet_id, points):
    """Our own statement without ``lock_wallets``: what is left is the database's defence."""
    with transaction.atomic():
        return post_purchase(
            wallet_id=wallet_id, event=event(), earn=0, earn_expires_at=None, redeem=points
        )


def test_control_without_the_lock_the_database_still_refuses():
    wallet = WalletFactory(points=100)

    found = race([partial(unlocked_redeem, wallet.pk, 10)] * TILLS)

    assert balance(wallet) == 100 - 10 * len(found.results) >= 0
    assert Lot.objects.get(wallet=wallet).remaining == balance(wallet)


@pytest.mark.parametrize("rounds", [FEW, MANY])
def test_one_receipt_has_one_effect(rounds):
    programme = ProgrammeFactory()
    for number in range(rounds):
        wallet = WalletFactory(points=1000, programme=programme)

        found = race([partial(redeem, wallet.pk, 10, f"receipt {number}")] * TILLS)

        assert len(found.results) == 1
        assert {type(error) for error in found.errors} == {SourceRefConflict}
        assert balance(wallet) == 990


def test_control_without_the_unique_key_one_receipt_has_many_effects():
    wallet = WalletFactory(points=1000)
    with owner_did(
        # ON CONFLICT needs some unique key to name: one that never finds anything.
        before="ALTER TABLE rewards_ledgertx DROP CONSTRAINT business_event_once;"
        " CREATE UNIQUE INDEX weak ON rewards_ledgertx (source, source_ref, op, public_id)",
        after="DROP INDEX weak; DELETE FROM rewards_ledgertx WHERE false;"
        " ALTER TABLE rewards_ledgertx DISABLE TRIGGER append_only;"
        " UPDATE rewards_ledgertx SET source_ref = source_ref || ':' || id;"
        " ALTER TABLE rewards_ledgertx ENABLE TRIGGER append_only;"
        " ALTER TABLE rewards_ledgertx ADD CONSTRAINT business_event_once"
        " UNIQUE (source, source_ref, op)",
    ):
        found = race([partial(redeem_once, wallet.pk)] * 4)

    assert len(found.results) == 4


def redeem_once(wallet_id):
    """Looks for the receipt first, like everybody, and then inserts it by hand."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM rewards_ledgertx WHERE source_ref = 'twice'")
        if cursor.fetchone():
            raise SourceRefConflict
        time.sleep(0.05)
        cursor.execute(
            "WITH tx AS (INSERT INTO rewards_ledgertx (op, source, source_ref, effective_at, actor)"
            " VALUES ('purchase', 'test', 'twice', now(), 'me') RETURNING id), entry AS ("
            " INSERT INTO rewards_ledgerentry (wallet_id, seq, tx_id, kind,"
            " contra, amount, balance_after) SELECT %s, 0, id, 'redeem', 'redemption', -10, 0"
            " FROM tx RETURNING seq)"
            " INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount)"
            " SELECT %s, seq, (SELECT id FROM rewards_lot WHERE wallet_id = %s), -10 FROM entry",
            [wallet_id, wallet_id, wallet_id],
        )


def hold_enders(hold):
    """Two captures, a release and the job that frees expired holds, all at once."""

    def capture(ref):
        return capture_hold(
            hold=hold, amount=60, source="pos", source_ref=ref, effective_at=LONG_AGO, actor=SYSTEM
        )

    return [
        partial(capture, f"{hold.pk}-a"),
        partial(capture, f"{hold.pk}-b"),
        partial(void_hold, hold=hold, actor=SYSTEM),
        expire_due_holds,
    ]


@pytest.mark.parametrize("rounds", [FEW, pytest.param(80, marks=pytest.mark.long)])
def test_a_hold_is_resolved_at_most_once(rounds):
    programme = ProgrammeFactory()
    for number in range(rounds):
        wallet = WalletFactory(points=100, programme=programme)
        # Over at about the moment of the race: sometimes before, sometimes after.
        ttl = timedelta(milliseconds=random.Random(number).randint(1, 60))
        hold = place_hold(
            wallet=wallet, amount=80, ttl=ttl, source="pos", source_ref=str(number), actor=SYSTEM
        )

        found = race(hold_enders(hold))
        while expire_due_holds() or not HoldResolution.objects.filter(hold=hold).exists():
            time.sleep(0.01)

        assert {type(error) for error in found.errors} <= {HoldResolved, HoldExpired}
        outcome = HoldResolution.objects.get(hold=hold)
        wallet.refresh_from_db()
        assert (wallet.held, wallet.posted) == (0, 100 - outcome.captured)


def expiry_worker(as_of):
    return expire_lots(as_of=as_of).points


def test_three_expiry_workers_one_of_them_killed_take_each_lot_once():
    spring = datetime(2030, 4, 1, tzinfo=UTC)
    programme = ProgrammeFactory()
    wallets = [
        WalletFactory(
            programme=programme, lots={spring - timedelta(days=day): 10 for day in range(3)}
        )
        for _ in range(8)
    ]
    place_hold(
        wallet=wallets[0],
        amount=25,
        ttl=timedelta(hours=1),
        source="pos",
        source_ref="1",
        actor=SYSTEM,
    )

    kill_one_in_the_middle(spring)
    found = race([partial(expiry_worker, spring)] * 3)
    expiry_worker(spring)

    assert not found.errors
    taken = -sum(LedgerEntry.objects.filter(kind="expire").values_list("amount", flat=True))
    assert taken == 8 * 30 - 25
    assert [balance(wallet) for wallet in wallets] == [25] + [0] * 7
    refs = Counter(LedgerTx.objects.filter(op="expire").values_list("source_ref", flat=True))
    assert max(refs.values()) == 1


def kill_one_in_the_middle(as_of):
    """``kill -9`` a worker that has written its batch and waits before the COMMIT."""
    connections.close_all()
    forking = get_context("fork")
    written = forking.Event()

    def doomed():
        with transaction.atomic():
            expire_lots(as_of=as_of)
            written.set()
            time.sleep(60)

    worker = forking.Process(target=doomed, daemon=True)
    worker.start()
    assert written.wait(20)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)


@pytest.mark.parametrize("rounds", [FEW, pytest.param(60, marks=pytest.mark.long)])
def test_a_merge_among_sales_loses_nothing(rounds):
    programme = ProgrammeFactory()
    for number in range(rounds):
        giver, taker = [WalletFactory(points=100, programme=programme) for _ in range(2)]
        merge = partial(merge_wallets, source=giver, survivor=taker, event=event("merge"))
        sales = [partial(retrying, partial(redeem, pk, 10)) for pk in (giver.pk, taker.pk) * 3]
        calls = [merge, *sales]
        random.Random(number).shuffle(calls)

        found = race(calls)

        assert not found.errors
        giver.refresh_from_db()
        assert (giver.status, giver.posted, balance(taker)) == ("merged", 0, 140)
        last = giver.entries.order_by("-seq").first()
        assert last.kind == "clearing"


def retrying(call):
    """What ``run_once`` does: a unit that met a merge is run again."""
    for _ in range(5):
        try:
            return call()
        except OperationalError as error:
            if sqlstate(error) != "40001":
                raise
    raise AssertionError("met a merge five times")


@pytest.mark.parametrize("rounds", [FEW, pytest.param(30, marks=pytest.mark.long)])
def test_two_merges_the_other_way_round_do_not_deadlock(rounds):
    programme = ProgrammeFactory()
    for _ in range(rounds):
        one, other = [WalletFactory(points=100, programme=programme) for _ in range(2)]

        found = race(
            [
                partial(
                    retrying, partial(merge_wallets, source=a, survivor=b, event=event("merge"))
                )
                for a, b in ((one, other), (other, one))
            ]
        )

        assert len(found.results) == 1
        assert [type(error) for error in found.errors] == [WalletMerged]
        survivor = Wallet.objects.get(pk__in=[one.pk, other.pk], status="active")
        assert survivor.posted == 200
        assert redeem(one.pk, 50).balance_after == redeem(other.pk, 50).balance_after + 50


def test_control_unordered_locks_deadlock():
    one, other = [WalletFactory(points=100) for _ in range(2)]

    def lock_in_order(first, second):
        with transaction.atomic():
            lock_wallets([first])
            time.sleep(0.1)
            lock_wallets([second])

    found = race(
        [partial(lock_in_order, one.pk, other.pk), partial(lock_in_order, other.pk, one.pk)]
    )

    assert [sqlstate(error) for error in found.errors] == ["40P01"]


def test_eight_halves_of_a_restore_give_back_only_what_was_spent():
    """The ledger's part of "no double refund": two halves fit, the others are refused."""
    wallet = WalletFactory(lots={NEVER: 100})
    spent = redeem(wallet.pk, 100)

    found = race([partial(restore_by_hand, wallet.pk, spent.tx_id, number) for number in range(8)])

    assert len(found.results) == 2
    assert {type(error) for error in found.errors} == {IntegrityError}
    assert balance(wallet) == 100


def restore_by_hand(wallet_id, sold, number):
    """Past the service, which would refuse earlier: the deferred check has to see it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "WITH tx AS (INSERT INTO rewards_ledgertx (op, source, source_ref, reverses_id,"
            " effective_at, actor) VALUES ('refund', 'test', %s, %s, now(), 'me') RETURNING"
            " id), entry AS ("
            " INSERT INTO rewards_ledgerentry (wallet_id, seq, tx_id, kind,"
            " contra, amount, balance_after) SELECT %s, 0, id, 'restore', 'redemption', 50, 0"
            " FROM tx RETURNING seq)"
            " INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount)"
            " SELECT %s, seq, (SELECT id FROM rewards_lot WHERE wallet_id = %s), 50 FROM entry",
            [f"half {number}", sold, wallet_id, wallet_id, wallet_id],
        )
