"""Stores, terminals, shifts, and who sees which."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from loyalty_crm.kernel.actors import SYSTEM, Actor
from members.errors import (
    ShiftClosed,
    TerminalHasOpenShift,
    TerminalInactive,
    TimeZoneUnknown,
    UserHasOpenShift,
)
from members.models import Member, Receipt, Refund, Shift, Store, Terminal
from members.services.stores import close_shift, open_shift, upsert_store, upsert_terminal
from tests.concurrency import race
from tests.factories.members import MemberFactory, StoreFactory, TerminalFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def cashiers():
    return [User.objects.create(username=name) for name in ("ann", "bob")]


@pytest.fixture
def begin(noon):
    return partial(open_shift, occurred_at=noon, actor=SYSTEM)


def test_a_store_is_created_then_changed():
    store, created = upsert_store(code="spb", name="One", time_zone="Europe/Moscow", actor=SYSTEM)
    again, new = upsert_store(code="spb", name="Two", actor=SYSTEM)
    till, _ = upsert_terminal(store=store, code="1", name="Left", actor=SYSTEM)

    assert (created, new, again.pk, again.name) == (True, False, store.pk, "Two")
    assert till.store == store


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_a_store_needs_a_true_time_zone(zone):
    with pytest.raises(TimeZoneUnknown):
        upsert_store(code="spb", name="One", time_zone=zone, actor=SYSTEM)


def test_a_shift_is_opened_once_and_closed_once(cashiers, begin, noon):
    till = TerminalFactory()
    shift = begin(terminal=till, user=cashiers[0])

    assert begin(terminal=till, user=cashiers[0]) == shift
    close_shift(shift=shift, occurred_at=noon + timedelta(hours=8), actor=SYSTEM)
    with pytest.raises(ShiftClosed):
        close_shift(shift=shift, occurred_at=noon, actor=SYSTEM)
    assert begin(terminal=till, user=cashiers[1]) != shift


def test_a_terminal_takes_one_cashier_and_a_cashier_one_terminal(cashiers, begin):
    left, right = TerminalFactory(), TerminalFactory()
    begin(terminal=left, user=cashiers[0])

    with pytest.raises(TerminalHasOpenShift):
        begin(terminal=left, user=cashiers[1])
    with pytest.raises(UserHasOpenShift):
        begin(terminal=right, user=cashiers[0])


@pytest.mark.parametrize("off", ["terminal", "store"])
def test_nobody_works_at_a_till_that_is_switched_off(cashiers, begin, off):
    store = StoreFactory(is_active=off != "store")
    till = TerminalFactory(store=store, is_active=off != "terminal")

    with pytest.raises(TerminalInactive):
        begin(terminal=till, user=cashiers[0])


@pytest.mark.django_db(transaction=True)
def test_of_two_cashiers_at_one_terminal_one_gets_in(begin, cashiers):
    till = TerminalFactory()

    started = race([partial(begin, terminal=till, user=cashier) for cashier in cashiers])

    assert started.overlap == 2
    assert len(started.results) == 1
    assert [type(error) for error in started.errors] == [TerminalHasOpenShift]


def test_a_shift_never_ends_before_it_began(cashiers, begin, noon):
    shift = begin(terminal=TerminalFactory(), user=cashiers[0])

    close_shift(shift=shift, occurred_at=noon - timedelta(hours=1), actor=SYSTEM)

    assert shift.closed_at == shift.opened_at
    with pytest.raises(IntegrityError), transaction.atomic():
        Shift.objects.update(closed_at=noon - timedelta(hours=1))


def test_an_actor_sees_the_stores_that_are_named_to_it(cashiers, begin, noon):
    here, there = TerminalFactory(), TerminalFactory()
    begin(terminal=here, user=cashiers[0])
    begin(terminal=there, user=cashiers[1])
    MemberFactory()
    bound = Actor("api_key", "1", stores=frozenset({here.store.code}))

    for model in (Store, Terminal, Shift):
        assert model.objects.visible_to(bound).count() == 1
        assert model.objects.visible_to(SYSTEM).count() == 2
    assert Member.objects.visible_to(bound).count() == 1


def test_receipts_and_refunds_follow_the_store(noon):
    here, there = StoreFactory(), StoreFactory()
    for store in (here, there):
        receipt = Receipt.objects.create(
            store=store, number="1", currency="EUR", gross_minor=1, total_minor=1,
            content_digest=b"1", occurred_at=noon, business_date=noon.date(),
        )  # fmt: skip
        Refund.objects.create(
            receipt=receipt, store=store, number="1", net_minor=1, money_minor=1,
            content_digest=b"1", occurred_at=noon,
        )  # fmt: skip
    bound = Actor("api_key", "1", stores=frozenset({here.code}))

    assert Receipt.objects.visible_to(bound).get().store == here
    assert Refund.objects.visible_to(bound).get().store == here
    assert Receipt.objects.visible_to(SYSTEM).count() == 2
