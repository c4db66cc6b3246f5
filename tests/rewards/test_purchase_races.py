"""Receipts and returns that meet each other (bars 5 and 14), each with a control that must fail."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from threading import Barrier, BrokenBarrierError
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import connection, transaction

from loyalty_crm.kernel.roles import as_owner
from members.models import Receipt, Refund
from members.services import purchases
from rewards.errors import RefundExceedsOriginal
from rewards.models import LedgerEntry, Wallet
from rewards.services import rule_sets
from rewards.services.checkout import committing, refunding
from rewards.services.checkout.asks import AskedReturn, RefundAsk
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.refunding import refund_purchase
from tests.concurrency import race
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import NOON, TILL, ask_for, asked, make_programme, sale_of
from tests.rewards.till_client import Till, line, purchase

pytestmark = pytest.mark.django_db(transaction=True)

TILLS = 16


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1")


def sell(ask, number="R-1"):
    with transaction.atomic():
        return commit_purchase(
            sale=sale_of(ask, number), compiled=rule_sets.current(), now=NOON, actor=TILL
        )


def give_back(public_id, number, programme, **what):
    with transaction.atomic():
        return refund_purchase(
            public_id=public_id,
            ask=RefundAsk(store="", number=number, occurred_at=NOON, **what),
            programme=programme,
            now=NOON,
            actor=TILL,
        )


def post_patiently(till, body):
    """As a till does: an answer that may be repeated is repeated, under the same key."""
    key = f"key-{uuid4()}"
    for _ in range(10):
        answer = till.post("purchases", body, key=key)
        if answer.status_code < 400 or not answer.json()["retryable"]:
            break
    return answer


def test_one_receipt_has_one_effect_under_sixteen_keys(shop):
    card = CardFactory()
    token = Till().token
    body = purchase(shop, "R-1", line("tea", 10_00), card=card)
    for turn in range(5):
        body["number"] = f"R-{turn}"
        tills = [Till(token=token) for _ in range(TILLS)]

        done = race([partial(post_patiently, till, dict(body)) for till in tills])

        assert not done.errors
        assert done.overlap > 4
        assert sorted(one.status_code for one in done.results) == [200] * (TILLS - 1) + [201]
        assert len({one.json()["id"] for one in done.results}) == 1
        assert Wallet.objects.get().posted == 10 * (turn + 1)


def test_one_receipt_of_nobody_has_one_effect(shop):
    """No wallet, so no lock in common: the key of the receipt alone decides."""
    ask = ask_for(shop, asked(1, "tea", 10_00))
    rule_sets.current()

    done = race([partial(sell, ask)] * TILLS)

    assert not done.errors
    assert done.overlap > 4
    assert sum(not one.is_duplicate for one in done.results) == 1
    assert Receipt.objects.count() == 1


@contextmanager
def without_the_receipts_key():
    """The database without the key of store and number, as its owner can have it."""
    named = "receipt_number_once_per_store"
    inserted = purchases._RECORD.replace("ON CONFLICT (store_id, number) DO NOTHING", "")
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE members_receipt DROP CONSTRAINT {named}")
    try:
        with patch.object(purchases, "_RECORD", inserted):
            yield
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE members_receipt CASCADE")
            cursor.execute(
                f"ALTER TABLE members_receipt ADD CONSTRAINT {named} UNIQUE (store_id, number)"
            )


def meet_before_the_receipt(tills):
    """Nobody writes the receipt before everybody has looked for it and found none."""
    meeting, write = Barrier(tills), committing.record_purchase

    def record(receipt):
        with suppress(BrokenBarrierError):
            meeting.wait(timeout=10)
        return write(receipt)

    return patch.object(committing, "record_purchase", record)


@pytest.mark.parametrize("keyed", [True, False])
def test_the_key_of_the_receipt_alone_keeps_eight_tills_from_selling_twice(shop, keyed):
    """And its control: without the key the same race ends with eight receipts of one number."""
    ask = ask_for(shop, asked(1, "tea", 10_00))
    rule_sets.current()

    with nullcontext() if keyed else without_the_receipts_key(), meet_before_the_receipt(8):
        done = race([partial(sell, ask)] * 8)
        receipts = Receipt.objects.filter(number="R-1").count()

    assert not done.errors
    assert receipts == (1 if keyed else 8)


def test_sales_of_two_members_do_not_wait_for_each_other(shop):
    """A wallet is the only row that a sale locks."""
    one, other = CardFactory(), CardFactory()
    for card in (one, other):
        sell(ask_for(shop, asked(1, "tea", 10_00), card=card), f"warm-{card.pk}")
    with transaction.atomic():
        sell(ask_for(shop, asked(1, "tea", 10_00), card=one), "R-1")

        done = race(
            [partial(sell, ask_for(shop, asked(1, "tea", 10_00), card=other), "R-2")], seconds=5
        )

    assert not done.errors
    assert Receipt.objects.filter(number__in=["R-1", "R-2"]).count() == 2


def halves(sold, programme):
    half = (AskedReturn(line_no=1, quantity_milli=1000),)
    return [partial(give_back, sold.view.id, f"B-{n}", programme, lines=half) for n in range(8)]


def test_of_eight_halves_at_once_two_come_back(shop):
    card = CardFactory()
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card))

    done = race(halves(sold, rule_sets.current().programme))

    assert done.overlap > 2
    assert len(done.results) == 2
    assert {type(error) for error in done.errors} == {RefundExceedsOriginal}
    assert Refund.objects.count() == 2
    assert Wallet.objects.get().posted == 0
    assert Receipt.objects.get().state == "returned"


def test_control_without_the_lock_the_database_still_refuses_the_third_half(shop):
    """The lock makes the refusal polite. Without it the halves collide on constraints."""
    card = CardFactory()
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card))
    unlocked = partial(_id_without_lock)

    with patch.object(refunding, "lock_receipt", unlocked):
        done = race(halves(sold, rule_sets.current().programme))

    assert {type(error) for error in done.errors} != {RefundExceedsOriginal}
    [line_] = Receipt.objects.get().lines.all()
    assert line_.refunded_quantity_milli <= line_.quantity_milli


def _id_without_lock(public_id):
    return Receipt.objects.values_list("pk", flat=True).get(public_id=public_id)


def test_a_refund_number_sent_eight_times_at_once_counts_once(shop):
    card = CardFactory()
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card))
    part = (AskedReturn(line_no=1, quantity_milli=1000),)
    programme = rule_sets.current().programme

    done = race([partial(give_back, sold.view.id, "B-1", programme, lines=part)] * 8)

    assert not done.errors
    assert len({one.refund.id for one in done.results}) == 1
    assert sum(not one.is_duplicate for one in done.results) == 1
    assert Wallet.objects.get().posted == 10


def test_first_purchases_of_one_member_open_one_wallet(shop):
    card = CardFactory()
    asks = [ask_for(shop, asked(1, "tea", 10_00), card=card)] * 8

    done = race([partial(sell, ask, f"R-{n}") for n, ask in enumerate(asks)])

    assert not done.errors
    assert Wallet.objects.get().posted == 80


def test_carried_remainders_survive_a_race():
    make_programme(rounding="carry")
    shop, card = StoreFactory(), CardFactory()
    sell(ask_for(shop, asked(1, "tea", 1), card=card), "warm")
    ask = ask_for(shop, asked(1, "tea", 99), card=card)

    done = race([partial(sell, ask, f"R-{n}") for n in range(8)])

    assert not done.errors
    # 0.01 + 8 x 0.99 = 7.93
    assert Wallet.objects.get().posted == 7
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 7


def test_control_remainders_read_before_the_lock_are_lost():
    """Reading them with the first statement is one query less, and wrong."""
    make_programme(rounding="carry")
    shop, card = StoreFactory(), CardFactory()
    sell(ask_for(shop, asked(1, "tea", 1), card=card), "warm")
    ask = ask_for(shop, asked(1, "tea", 99), card=card)

    with patch.object(committing, "carries_of", lambda facts, compiled: {}):
        race([partial(sell, ask, f"R-{n}") for n in range(8)])

    assert Wallet.objects.get().posted < 7
