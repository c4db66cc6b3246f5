"""Gift cards by the hundred: asked for, approved by another, made by a job, exported once."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import clock, jobs
from loyalty_crm.kernel.models import Job
from rewards.errors import (
    GiftCardBatchState,
    GiftCardCashOut,
    OwnApproval,
)
from rewards.models import GiftCard, GiftCardBatch, LedgerEntry, Programme, Wallet
from rewards.services import gift_cards
from rewards.services.gift_cards import batches, cashing, exporting, recipients
from rewards.services.gift_cards.batches import BatchOrder, make_next
from tests.concurrency import race
from tests.factories.members import CardFactory, MemberFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.partner_tools import ANNA, BORIS
from tests.rewards.test_gift_tenders import cash, number, paid_by, sell, sold_card
from tests.rewards.till_client import ALL, Till

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _programme():
    make_programme()


def asked(**more):
    order = BatchOrder(**{"name": "Prizes", "reason": "autumn", "wanted": 5, **more})
    return batches.request_batch(order=order, actor=ANNA)


def approved(**more):
    return batches.approve_batch(batch=asked(**more), actor=BORIS)


def test_value_without_a_sale_needs_two_people_and_is_no_sale():
    batch = asked(amount_minor=10_00)
    with pytest.raises(OwnApproval):
        batches.approve_batch(batch=batch, actor=ANNA)
    assert make_next() == 0
    batches.approve_batch(batch=batch, actor=BORIS)
    assert make_next(chunk=2) == 5

    batch.refresh_from_db()
    assert (batch.state, batch.made, batch.job.done) == ("ready", 5, 5)
    assert set(GiftCard.objects.values_list("state", "batch")) == {("active", batch.pk)}
    assert set(LedgerEntry.objects.values_list("kind", "contra", "amount")) == {
        ("adjust", "adjustment", 10_00)
    }
    assert Wallet.objects.filter(posted=10_00).count() == 5


def test_the_database_insists_on_the_second_person():
    batch = asked(amount_minor=10_00)
    with pytest.raises(IntegrityError), transaction.atomic():
        GiftCardBatch.objects.filter(pk=batch.pk).update(
            state="making", decided_by=ANNA.label, decided_at=clock.now()
        )


def test_printed_stock_is_worth_nothing_until_it_is_sold():
    approved()
    make_next()
    assert set(GiftCard.objects.values_list("state", flat=True)) == {"pending"}
    assert not LedgerEntry.objects.exists()


def test_what_makes_no_sense_is_refused():
    for wrong in ({"wanted": 0}, {"wanted": 10**6}, {"amount_minor": -1},
                  {"expires_on": clock.now().date()}):  # fmt: skip
        with pytest.raises(Exception, match=r"not valid|is over"):
            asked(**wrong)


def test_a_worker_that_died_leaves_whole_chunks(monkeypatch):
    batch = approved(amount_minor=1_00)
    real, calls = jobs.advance, []

    def dying(job, **said):
        calls.append(said)
        if len(calls) == 2:
            raise SystemExit
        real(job, **said)

    monkeypatch.setattr(batches.jobs, "advance", dying)
    with pytest.raises(SystemExit):
        make_next(chunk=2)
    monkeypatch.undo()
    batch.refresh_from_db()
    assert (batch.made, GiftCard.objects.count()) == (2, 2)

    Job.objects.update(heartbeat_at=clock.now() - timedelta(hours=1))
    assert make_next(chunk=2) == 3
    assert GiftCard.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_two_approve_is_made_once():
    make_programme_again()
    batch = asked(amount_minor=1_00)
    found = race([partial(try_to_approve, batch.pk) for _ in range(4)])
    assert sorted(found.results) == ["ok", "refused", "refused", "refused"]
    assert Job.objects.filter(kind=batches.JOB).count() == 1
    assert make_next() == 5
    assert make_next() == 0


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_it_would_be_ordered_twice(monkeypatch):
    """The control: who reads without the row's lock sees it undecided as well."""
    make_programme_again()
    batch = asked(amount_minor=1_00)
    unlocked = GiftCardBatch.objects
    monkeypatch.setattr(batches, "_undecided", lambda one: slow(unlocked.get(pk=one.pk)))
    race([partial(try_to_approve, batch.pk) for _ in range(4)])
    assert Job.objects.filter(kind=batches.JOB).count() > 1


def slow(batch):
    time.sleep(0.2)
    return batch


def make_programme_again():
    if not Programme.objects.exists():
        make_programme()


def try_to_approve(pk):
    try:
        batches.approve_batch(batch=GiftCardBatch.objects.get(pk=pk), actor=BORIS)
    except GiftCardBatchState:
        return "refused"
    return "ok"


def test_numbers_leave_once_encrypted_and_to_who_asked(tmp_path):
    batch = approved(amount_minor=1_00)
    make_next()
    with pytest.raises(GiftCardBatchState):
        exporting.draw_passphrase(batch=batch, actor=BORIS)
    said = exporting.draw_passphrase(batch=batch, actor=ANNA)
    download = partial(exporting.start_download, batch=batch, now=clock.now(), actor=ANNA)
    with pytest.raises(GiftCardBatchState):
        download(passphrase="WRONG")
    archive = b"".join(download(passphrase=said))
    with pytest.raises(GiftCardBatchState):
        download(passphrase=said)

    card = GiftCard.objects.first()
    assert number(card).encode() not in archive
    batch.refresh_from_db()
    assert batch.passphrase_hash == ""
    assert said not in repr(list(GiftCardBatch.objects.values()))


# Rests, checks and recipients


def test_a_small_rest_is_paid_out_once_and_the_card_closes(api):
    shop = api("gift:activate", "gift:redeem")
    card = sold_card(3_00)
    at = f"/api/v1/gift-cards/{card.public_id}/cash-out"
    assert shop.post(at, {"source_ref": "c"}, key="1").json()["code"] == "gift_card_cash_out"
    cashing.save_terms(
        programme=Programme.objects.get(), cash_out_minor=3_00, checks_per_minute=2, actor=ANNA
    )
    paid = shop.post(at, {"source_ref": "c"}, key="2").json()
    again = shop.post(at, {"source_ref": "c"}, key="3").json()
    assert (paid["amount"]["amount"], paid["card"]["state"]) == (-3_00, "deactivated")
    assert again["duplicate_of_existing"] is True
    rich = sold_card(3_01)
    with pytest.raises(GiftCardCashOut):
        gift_cards.cash_out(card=rich, source_ref="d", actor=ANNA)


def test_balance_checks_of_one_card_have_a_pace(api):
    shop = api("gift:redeem")
    card = sold_card(3_00)
    cashing.save_terms(
        programme=Programme.objects.get(), cash_out_minor=0, checks_per_minute=2, actor=ANNA
    )
    look = {"number": number(card)}
    codes = [shop.post("/api/v1/gift-cards/lookup", look).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_the_report_tells_whom_cards_brought():
    store, till = StoreFactory(code="S1"), Till(*ALL)
    fresh = CardFactory(member=MemberFactory(enrolled_at=clock.now() + timedelta(seconds=1)))
    old = CardFactory()
    cards = [sold_card(10_00) for _ in range(4)]
    sell(till, store, paid_by(cards[0], 10_00), price=10_00, number="1", card=fresh)
    sell(till, store, paid_by(cards[1], 10_00), price=10_00, number="2", card=old)
    sell(till, store, paid_by(cards[2], 10_00), price=10_00, number="3")
    sell(till, store, cash(10_00), price=10_00, number="4", card=fresh)

    told = recipients.funnel(clock.now() - timedelta(days=1))

    assert (told.sold, told.used, told.known, told.new, told.again) == (4, 3, 2, 1, 1)
