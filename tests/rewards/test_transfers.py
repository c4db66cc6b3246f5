"""Points given by one member to another: bounded, confirmed, taken back, never lost in a race."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import Message
from members.models import Identity
from members.services.identities import add_identity
from rewards.errors import InsufficientPoints, TransferRefused
from rewards.models import LedgerEntry, Lot, PointsTransfer
from rewards.services import ledger, transfers
from rewards.services.programmes import default_programme
from rewards.services.transfers import giving
from tests.concurrency import race
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.rewards.beyond_tools import Caller, balance, refs

pytestmark = pytest.mark.django_db

SOON, LATER = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def open_transfers(**terms):
    programme = make_programme()
    settings = {"is_on": True, "most_per_day": 500, "most_per_month": 800, **terms}
    transfers.save_terms(programme=programme, actor=SYSTEM, **settings)
    return programme


def rich(points=1_000, **kwargs):
    return WalletFactory(programme=default_programme(), points=points, **kwargs).member


@pytest.fixture
def shop(api):
    open_transfers()
    return Caller(api("transfers:write", "wallets:read"))


def body(giver, taker, points, ref="t-1"):
    sides = {"giver": {"id": str(giver.public_id)}, "taker": {"id": str(taker.public_id)}}
    return {**sides, "points": points, "source_ref": ref}


def give(giver, taker, points, ref=None):
    return transfers.give_points(
        programme=default_programme(),
        sender=giver,
        recipient=taker,
        points=points,
        source_ref=ref or f"t-{next(refs)}",
        now=clock.now(),
        actor=SYSTEM,
    )


def test_points_change_hands_once_and_both_are_told(shop):
    giver = rich(member=MemberFactory(phone="+79990000001"))
    taker = MemberFactory(email="b@example.org")

    first = shop.post("transfers", 201, **body(giver, taker, 300))
    again = shop.post("transfers", 201, **body(giver, taker, 300))

    assert (first["state"], again["id"]) == ("done", first["id"])
    assert (balance(giver), balance(taker)) == (700, 300)
    assert sorted(Message.objects.values_list("address", flat=True)) == [
        "+79990000001",
        "b@example.org",
    ]
    assert shop.post("transfers", 409, **body(giver, taker, 5))["code"] == "source_ref_conflict"
    assert shop.get(f"transfers/{first['id']}") == first
    assert len(shop.get(f"transfers?giver={giver.public_id}&state=done")["data"]) == 1


def test_lots_keep_their_expiry_and_come_home_with_it(shop):
    giver, taker = rich(lots={SOON: 100, LATER: 400}), MemberFactory()
    done = shop.post("transfers", 201, **body(giver, taker, 250))
    lots = Lot.objects.filter(remaining__gt=0).order_by("wallet__member", "expires_at")
    of = lambda who: list(lots.filter(wallet__member=who).values_list("expires_at", "remaining"))  # noqa: E731
    assert (of(giver), of(taker)) == ([(LATER, 250)], [(SOON, 100), (LATER, 150)])

    back = shop.post(f"transfers/{done['id']}/reverse", reason="Wrong person")

    assert (back["state"], back["reason"]) == ("reversed", "Wrong person")
    assert (of(giver), of(taker)) == ([(SOON, 100), (LATER, 400)], [])
    again = shop.post(f"transfers/{done['id']}/reverse", 409, reason="x")
    assert again["code"] == "transfer_state"


def test_a_fee_goes_to_the_house_and_comes_back(shop):
    transfers.save_terms(programme=default_programme(), fee_percent=5, actor=SYSTEM)
    giver, taker = rich(500), MemberFactory()

    done = shop.post("transfers", 201, **body(giver, taker, 101))
    assert (done["fee"], balance(giver), balance(taker)) == (6, 393, 101)

    shop.post(f"transfers/{done['id']}/reverse", reason="mistake")
    assert (balance(giver), balance(taker)) == (500, 0)


def test_what_is_spent_is_not_taken_back(shop):
    giver, taker = rich(), MemberFactory()
    done = shop.post("transfers", 201, **body(giver, taker, 100))
    wallet = ledger.wallet_for(taker.pk, default_programme())
    ledger.adjust(wallet=wallet, points=-1, reason="spent", reference="r", actor=SYSTEM)

    refused = shop.post(f"transfers/{done['id']}/reverse", 422, reason="mistake")

    assert refused["code"] == "insufficient_points"


@pytest.mark.parametrize(
    ("terms", "points", "reason"),
    [
        ({"is_on": False}, 100, "off"),
        ({"least": 50}, 49, "least"),
        ({}, 501, "most_per_day"),
        ({"most_per_day": 900}, 801, "most_per_month"),
    ],
)
def test_terms(shop, terms, points, reason):
    transfers.save_terms(programme=default_programme(), actor=SYSTEM, **terms)

    refused = shop.post("transfers", 422, **body(rich(), MemberFactory(), points))

    assert (refused["code"], refused["params"]["reason"]) == ("transfer_refused", reason)


def test_nobody_gives_to_themselves_to_the_blocked_or_what_they_have_not(shop):
    giver, blocked = rich(10), MemberFactory(status="blocked")

    assert shop.post("transfers", 422, **body(giver, giver, 5, "a"))["params"]["reason"] == "self"
    one = shop.post("transfers", 422, **body(giver, blocked, 5, "b"))
    assert one["params"]["reason"] == "not_active"
    short = shop.post("transfers", 422, **body(giver, MemberFactory(), 11, "c"))
    assert short["code"] == "insufficient_points"
    assert balance(giver) == 10


def test_held_points_are_not_given_away(shop):
    giver = rich(100)
    wallet = ledger.wallet_for(giver.pk, default_programme())
    ledger.place_hold(
        wallet=wallet, amount=60, ttl=timedelta(hours=1), source="s", source_ref="h", actor=SYSTEM
    )

    short = shop.post("transfers", 422, **body(giver, MemberFactory(), 41))

    assert (short["code"], short["params"]["available"]) == ("insufficient_points", 40)


# A contact that has just changed (quality bar 96)


def suspicious():
    """A member of long ago whose e-mail was added a moment ago; the phone is old."""
    member = rich(member=MemberFactory(phone="+79990000001"))
    Identity.objects.filter(member=member).update(created_at=clock.now() - timedelta(days=9))
    add_identity(member=member, kind="email", value="new@example.org", actor=SYSTEM)
    return member


def sent_code():
    message = Message.objects.get(kind="transfer.code")
    assert message.address == "+79990000001", "to what was there before, not to the newcomer"
    return re.search(r"\d{6}", message.body)[0]


def test_after_a_change_of_contact_a_code_is_asked_for(shop):
    giver, taker = suspicious(), MemberFactory()

    waits = shop.post("transfers", 201, **body(giver, taker, 100))
    assert (waits["state"], balance(taker)) == ("waiting", 0)
    code = sent_code()
    wrong = "000000" if code != "000000" else "111111"
    refused = shop.post(f"transfers/{waits['id']}/confirm", 422, code=wrong)
    assert (refused["code"], refused["params"]["left"]) == ("transfer_code_wrong", 4)

    done = shop.post(f"transfers/{waits['id']}/confirm", code=code)

    assert (done["state"], balance(taker)) == ("done", 100)
    told = Message.objects.filter(kind="transfer.done").values_list("address", flat=True)
    assert set(told) == {"+79990000001", "new@example.org"}, "the old and the new contact"


def test_five_wrong_codes_end_it(shop):
    giver, taker = suspicious(), MemberFactory()
    waits = shop.post("transfers", 201, **body(giver, taker, 100))
    code = sent_code()
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        shop.post(f"transfers/{waits['id']}/confirm", 422, code=wrong)

    shop.post(f"transfers/{waits['id']}/confirm", 422, code=code)

    assert balance(taker) == 0
    assert shop.post(f"transfers/{waits['id']}/cancel", reason="enough")["state"] == "cancelled"


def test_with_only_a_new_contact_points_stay(shop):
    giver = rich(member=MemberFactory())
    add_identity(member=giver, kind="phone", value="+79990000009", actor=SYSTEM)

    refused = shop.post("transfers", 409, **body(giver, MemberFactory(), 10))

    assert refused["code"] == "contact_just_changed"
    assert not PointsTransfer.objects.exists()


# Races


@pytest.mark.django_db(transaction=True)
def test_two_that_give_to_each_other_at_once_never_embrace():
    open_transfers(most_per_day=10**6, most_per_month=10**6)
    one, two = rich(), rich()
    calls = [partial(give, *pair, 10) for pair in [(one, two), (two, one)] * 5]

    ran = race(calls)

    assert ran.overlap > 1
    assert ran.errors == []
    assert (balance(one), balance(two)) == (1_000, 1_000)


@pytest.mark.django_db(transaction=True)
def test_the_limit_of_a_day_holds_for_all_who_ask_at_once():
    open_transfers()
    giver, takers = rich(), [MemberFactory() for _ in range(6)]

    ran = race([partial(give, giver, taker, 200) for taker in takers])

    assert ran.overlap > 1
    assert len(ran.results) == 2
    assert {type(one) for one in ran.errors} == {TransferRefused}
    assert balance(giver) == 600


@pytest.mark.django_db(transaction=True)
def test_negative_control_unordered_locks_embrace(monkeypatch):
    """With the wallets locked one by one, giver first, the same race meets in a deadlock."""
    open_transfers(most_per_day=10**6, most_per_month=10**6)
    one, two = rich(), rich()

    def one_by_one(ids):
        return {pk: ledger.lock_wallet(pk) for pk in ids}

    monkeypatch.setattr(giving, "lock_wallets", one_by_one)
    errors = []
    for _ in range(6):
        errors += race([partial(give, *pair, 1) for pair in [(one, two), (two, one)] * 4]).errors
        if errors:
            break

    assert "deadlock" in str(errors[0]).lower() or "lock" in str(errors[0]).lower()


@pytest.mark.django_db(transaction=True)
def test_points_are_not_given_twice_over():
    open_transfers()
    giver = rich(100)
    ran = race([partial(give, giver, MemberFactory(), 60) for _ in range(4)])

    assert (len(ran.results), balance(giver)) == (1, 40)
    assert {type(one) for one in ran.errors} == {InsufficientPoints}


def test_the_books_show_a_pair():
    open_transfers()
    giver, taker = rich(), MemberFactory()
    with transaction.atomic():
        done = give(giver, taker, 30)

    pair = LedgerEntry.objects.filter(tx=done.tx).values_list("kind", "amount")
    assert sorted(pair) == [("clearing", -30), ("clearing", 30)]
