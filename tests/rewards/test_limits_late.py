"""Counted limits: members who become one, late and offline receipts, thresholds, the price."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from msgspec.structs import replace

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from rewards.errors import OpenHolds
from rewards.models import LimitCounter, LimitUse, Promotion, Wallet
from rewards.services import intake, promotions
from rewards.services.checkout.facts import read_facts_of_many
from rewards.services.checkout.limit_facts import CountedFacts
from rewards.services.ledger import merge_wallets
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import event
from tests.rewards.limit_tools import (
    BONUS,
    TEN_OFF,
    at,
    books,
    limit,
    limited,
    off,
    reserve,
    reword,
    sell,
    used,
)  # fmt: skip
from tests.rewards.till_client import Till, basket, line, purchase

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1", time_zone="UTC")


@pytest.fixture
def card():
    return CardFactory()


@pytest.fixture
def till():
    return Till()


@pytest.fixture(autouse=True)
def _counters_agree(db):
    yield
    assert books() == []


# Members who become one


def test_a_merged_members_uses_count_for_the_survivor(shop, card, till):
    limited("promo", TEN_OFF, limit("member", "uses", 3))
    other = CardFactory()
    sold = sell(till, shop, "R-1", card=card)
    for number, who in (("R-2", card), ("R-3", other)):
        sell(till, shop, number, card=who)
    source, target = (Wallet.objects.get(member=each.member) for each in (card, other))

    merge_wallets(source=source, survivor=target, event=event("merge"))

    assert off(sell(till, shop, "R-4", card=card)) == 0
    till.post(f"purchases/{sold['id']}/void", {})
    assert used(holder=target.pk) == [(2, 0)]
    assert [off(sell(till, shop, n, card=who)) for n, who in (("R-5", card), ("R-6", other))] == [
        10_00,
        0,
    ]


def test_two_who_used_it_up_become_one_who_did(shop, card, till):
    limited("promo", TEN_OFF, limit("member", "uses", 1))
    other = CardFactory()
    for number, who in (("R-1", card), ("R-2", other)):
        sell(till, shop, number, card=who)
    source, target = (Wallet.objects.get(member=each.member) for each in (card, other))

    merge_wallets(source=source, survivor=target, event=event("merge"))

    kept = LimitCounter.objects.get(holder=target.pk)
    assert (kept.used, kept.most, kept.over) == (2, 1, 1)


def test_nobody_is_merged_away_from_an_open_quote(shop, card, till):
    limited("promo", TEN_OFF, limit("member", "uses", 1))
    reserve(till, shop, card=card)
    sell(till, shop, "R-1", card=(other := CardFactory()))
    source, target = (Wallet.objects.get(member=each.member) for each in (card, other))

    with pytest.raises(OpenHolds):
        merge_wallets(source=source, survivor=target, event=event("merge"))


# Late and offline


def offline(shop, number, *, quote_id=None, **details):
    body = purchase(shop, number, line("tea", 50_00), occurred_at=at(1), **details)
    body |= {"quote_id": quote_id} if quote_id else {}
    return {"kind": "purchase", "key": f"sale-{number}", "purchase": body}


def send(till, *operations):
    return till.post("sync/batches", {"operations": list(operations)}, key=None).json()["results"]


def test_a_batch_counts_its_sales_in_their_order(shop, till):
    limited("promo", BONUS, limit("total", "points", 70))
    cards = [CardFactory() for _ in range(4)]

    results = send(till, *(offline(shop, f"R-{n}", card=who) for n, who in enumerate(cards)))

    earned = [one["body"]["points"]["earned"] for one in results]
    assert earned == [50 + 30, 50 + 30, 50 + 10, 50]
    assert used(per="total") == [(70, 0)]


def test_a_batch_that_looked_too_early_is_counted_one_by_one(shop, till, monkeypatch):
    """Somebody took the rest after the batch had read its facts: its claim is refused whole."""
    limited("promo", BONUS, limit("total", "points", 70))
    sell(till, shop, "R-0", card=CardFactory())
    stale = CountedFacts()
    monkeypatch.setattr(
        intake,
        "read_facts_of_many",
        lambda *asked: [replace(one, counted=stale) for one in read_facts_of_many(*asked)],
    )

    results = send(till, *(offline(shop, f"R-{n}", card=CardFactory()) for n in (1, 2)))

    assert [one["body"]["points"]["earned"] for one in results] == [50 + 30, 50 + 10]
    assert used(per="total") == [(70, 0)]


def test_a_batch_claims_all_its_limits_by_one_statement(shop, till):
    cards = [CardFactory() for _ in range(6)]
    for who in cards:
        sell(till, shop, f"warm-{who.pk}", card=who)
    send(till, *(offline(shop, f"W-{n}", card=who) for n, who in enumerate(cards)))
    with CaptureQueriesContext(connection) as bare:
        send(till, *(offline(shop, f"A-{n}", card=who) for n, who in enumerate(cards)))
    limited("promo", BONUS, limit("total", "points", 10_000), limit("member", "uses", 9))
    send(till, *(offline(shop, f"X-{n}", card=who) for n, who in enumerate(cards)))

    with CaptureQueriesContext(connection) as counted:
        send(till, *(offline(shop, f"B-{n}", card=who) for n, who in enumerate(cards)))

    assert len(counted) == len(bare) + 1


def test_a_receipt_printed_by_its_quote_keeps_its_price_and_is_noted(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    quoted = till.post("quotes", basket(shop, line("tea", 50_00)), key=None).json()
    sell(till, shop, "R-1")

    [late] = send(till, offline(shop, "R-2", quote_id=quoted["quote_id"]))

    assert (late["status"], off(late["body"])) == (201, 10_00)
    counter = LimitCounter.objects.get()
    assert (counter.used, counter.most, counter.over) == (2, 1, 1)
    assert LimitUse.objects.filter(kind="over").count() == 1


def test_a_late_receipt_does_not_fail_for_a_hold_that_ended(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    quoted = reserve(till, shop)
    Till("holds:write").post(f"holds/{quoted['hold']['id']}/void", {})
    sell(till, shop, "R-1")
    named = {"quote_id": quoted["quote_id"], "hold_id": quoted["hold"]["id"]}

    [late] = send(till, offline(shop, "R-2", **named))

    assert (late["status"], off(late["body"])) == (201, 10_00)
    assert LimitUse.objects.filter(kind="over").count() == 1


def test_printed_prices_take_no_money_of_a_budget(shop, till):
    limited("promo", TEN_OFF, limit("total", "money", 10_00))

    [late] = send(till, offline(shop, "R-1"))

    assert off(late["body"]) == 0
    assert used() == []


# The database


def test_the_database_refuses_to_pass_a_limit(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    sell(till, shop, "R-1")

    with pytest.raises(IntegrityError), transaction.atomic():
        LimitCounter.objects.update(used=2)
    for change in (LimitUse.objects.all().delete, lambda: LimitUse.objects.update(used=5)):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            change()


# Thresholds


def test_a_threshold_is_told_once_by_the_sale_that_reached_it(shop, till):
    promo = limited("promo", TEN_OFF, limit("total", "money", 40_00, alerts=[50, 80, 100]))
    sold = [sell(till, shop, f"R-{n}") for n in range(4)]
    till.post(f"purchases/{sold[0]['id']}/void", {})
    sell(till, shop, "R-9")

    told = OutboxEvent.objects.filter(kind="promotion.budget_threshold").order_by("id")

    assert [(one.data["percent"], one.data["used"]) for one in told] == [
        (50, 20_00), (80, 40_00), (100, 40_00)
    ]  # fmt: skip
    assert {one.object_id for one in told} == {str(promo.public_id)}
    assert told[0].data == {
        "promotion": "promo",
        "percent": 50,
        "per": "total",
        "period": "",
        "store": None,
        "what": "money",
        "used": 20_00,
        "max": 40_00,
    }


def test_members_own_limits_tell_nobody(shop, card, till):
    limited("promo", TEN_OFF, limit("member", "uses", 1))

    sell(till, shop, "R-1", card=card)

    assert not OutboxEvent.objects.filter(kind="promotion.budget_threshold").exists()


# The price of it


def statements(shop, till, number, **details):
    body = purchase(shop, number, line("tea", 50_00), **details)
    with CaptureQueriesContext(connection) as seen:
        assert till.post("purchases", body).status_code == 201
    return len(seen)


def test_a_sale_without_limits_asks_what_it_always_asked(shop, till):
    sell(till, shop, "warm")
    bare = statements(shop, till, "R-1")

    limited("promo", TEN_OFF, limit("total", "uses", 1_000, alerts=[]))
    sell(till, shop, "warm-2")
    counted = statements(shop, till, "R-2")
    reword(Promotion.objects.get(code="promo"), limit("total", "uses", 5, alerts=[]))
    sell(till, shop, "warm-3")
    near = statements(shop, till, "R-3")

    # The claim; near the end of a shared limit its lock as well.
    assert (counted - bare, near - bare) == (1, 2)
    with CaptureQueriesContext(connection) as seen:
        till.post("quotes", basket(shop, line("tea", 50_00)), key=None)
    limited_quote = len(seen)
    promotions.pause(promotion=Promotion.objects.get(code="promo"), actor=SYSTEM)
    till.post("quotes", basket(shop, line("tea", 50_00)), key=None)
    with CaptureQueriesContext(connection) as seen:
        till.post("quotes", basket(shop, line("tea", 50_00)), key=None)
    assert limited_quote == len(seen)
