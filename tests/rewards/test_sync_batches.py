"""Offline batches: shuffled, doubled, late, sent twice: the end of the ordered run (bar 40)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Receipt
from rewards.models import EarnCarry, LedgerEntry, Lot, Purchase, Wallet
from rewards.services.sync import Operation, in_order
from tests.concurrency import race_processes
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import ask_for, asked, make_programme, sale_of
from tests.rewards.till_client import Till, line, purchase, usd

# Late for sure: no minute of the run decides which side of a day a sale lies on.
YESTERDAY = clock.now() - timedelta(hours=26)


def sold(shop, number, *lines, at=YESTERDAY, key=None, **details):
    body = purchase(shop, number, *lines, occurred_at=at.isoformat(), **details)
    return {"kind": "purchase", "key": key or f"sale-{number}", "purchase": body}


def returned(shop, number, of, at=YESTERDAY, **what):
    return {
        "kind": "refund", "key": f"back-{number}", "of": {"store": shop.code, "number": of},
        "occurred_at": at.isoformat(), "refund": {"number": number, **what},
    }  # fmt: skip


def send(till, *operations):
    response = till.post("sync/batches", {"operations": list(operations)}, key=None)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def shop(db):
    make_programme()
    return StoreFactory(code="S1")


@pytest.fixture
def card(db):
    return CardFactory()


def test_goods_come_back_after_they_were_sold_whatever_the_clocks_say(shop):
    late = YESTERDAY + timedelta(hours=3)
    sale = sale_of(ask_for(shop, asked(1, "a", 1)), "R-1")
    operations = [
        Operation(key="b", store="S1", body=0, occurred_at=YESTERDAY, of=("S1", "R-1")),
        Operation(key="c", store="S1", body=0, occurred_at=YESTERDAY + timedelta(hours=1)),
        Operation(key="a", store="S1", body=0, occurred_at=late, sale=sale),
    ]

    assert [operations[position].key for position in in_order(operations)] == ["c", "a", "b"]


def test_a_printed_receipt_keeps_its_price_and_earns_by_its_own_day(shop, card):
    till = Till()
    offer = till.post("promotions", {"code": "ten", "name": "Ten"}).json()["id"]
    wording = {"effects": [{"kind": "percent_off", "basis_points": 1000}]}
    till.post(f"promotions/{offer}/versions", {"definition": wording})
    till.post(f"promotions/{offer}/versions/1/publish", {})

    body = send(till, sold(shop, "R-1", line("tea", 10_00), card=card))["results"][0]["body"]

    assert body["totals"]["total"] == usd(10_00)
    assert body["points"]["earned"] == 10
    assert body["arrived_late"] is True


def test_each_operation_has_its_own_answer(shop, card):
    till = Till()
    sale = sold(shop, "R-1", line("tea", 10_00, "2"), card=card)
    batch = [
        returned(shop, "B-1", "R-1", lines=[{"line": 1, "quantity": "1"}]),
        sale,
        returned(shop, "B-2", "never sold"),
        sale,
        sold(shop, "R-1", line("tea", 11_00), key="other", at=clock.now()),
        sold(shop, "R-2", line("tea", 10_00), card=card, redeem={"points": 1}),
    ]

    answers = send(till, *batch)

    assert [(one["status"], one["replayed"]) for one in answers["results"]] == [
        (201, False), (201, False), (404, False), (201, True), (409, False), (422, False),
    ]  # fmt: skip
    codes = [one["body"].get("code") for one in answers["results"]]
    assert codes[4:] == ["source_ref_conflict", "offline_redeem_rejected"]
    assert answers["counts"] == {"done": 2, "replayed": 1, "refused": 3}
    assert Wallet.objects.get().posted == 10


def test_points_up_to_the_allowance_are_spent_offline(shop, card):
    till = Till()
    till.post("purchases", purchase(shop, "R-0", line("tea", 100_00), card=card))
    Wallet.objects.get().programme.__class__.objects.update(offline_redeem_limit=50)

    answers = send(
        till,
        sold(shop, "R-1", line("tea", 10_00), card=card, redeem={"points": 50}),
        sold(shop, "R-2", line("tea", 10_00), card=card, redeem={"points": 51}),
    )

    assert [one["status"] for one in answers["results"]] == [201, 422]
    assert answers["results"][1]["body"]["code"] == "offline_redeem_rejected"
    assert Wallet.objects.get().posted == 100 - 50 + 9


def test_an_operation_is_the_single_request_under_the_same_key(shop, card):
    till = Till()
    body = purchase(shop, "R-1", line("tea", 10_00), card=card)
    first = till.post("purchases", body, key="k")

    answers = send(till, {"kind": "purchase", "key": "k", "purchase": body})

    [one] = answers["results"]
    assert (one["status"], one["replayed"], one["body"]) == (201, True, first.json())


def test_a_quoted_sale_that_arrives_late_keeps_the_quoted_price(shop, card):
    till = Till()
    offer = till.post("promotions", {"code": "ten", "name": "Ten"}).json()["id"]
    wording = {"effects": [{"kind": "percent_off", "basis_points": 1000}]}
    till.post(f"promotions/{offer}/versions", {"definition": wording})
    till.post(f"promotions/{offer}/versions/1/publish", {})
    basket = {"store": "S1", "lines": [line("tea", 10_00)], "member": {"card": card.number}}
    quoted = till.post("quotes", basket, key=None).json()

    sale = sold(shop, "R-1", line("tea", 10_00), card=card, at=clock.now(),
                quote_id=quoted["quote_id"])  # fmt: skip

    [one] = send(till, sale)["results"]
    assert one["body"]["totals"]["total"] == quoted["totals"]["total"] == usd(9_00)


@pytest.mark.django_db
def test_a_batch_is_limited_and_needs_its_scopes(shop):
    many = [sold(shop, f"R-{n}", line("a", 1)) for n in range(501)]
    assert Till().post("sync/batches", {"operations": many}, key=None).status_code == 400
    back = {"operations": [returned(shop, "B-1", "R-1")]}
    assert Till("sales:write").post("sync/batches", back, key=None).status_code == 403
    assert Till("sales:read").post("sync/batches", back, key=None).status_code == 403


def test_a_batch_writes_what_single_requests_write(shop, card):
    """Two halves of one day, one by one and together: the same rows."""
    rng = random.Random(7)
    bodies = [
        purchase(shop, f"R-{n}", *[line(f"s{k}", rng.randint(1, 999)) for k in range(3)],
                 occurred_at=(YESTERDAY + timedelta(minutes=n)).isoformat())
        for n in range(20)
    ]  # fmt: skip
    one_by_one, together = card, CardFactory()
    till = Till()
    singles = [
        till.post("purchases", {**body, "number": f"1-{body['number']}",
                                "member": {"card": one_by_one.number}}).json()
        for body in bodies
    ]  # fmt: skip
    answers = send(
        till,
        *[
            {"kind": "purchase", "key": f"k-{n}", "purchase":
             {**body, "member": {"card": together.number}}}
            for n, body in enumerate(bodies)
        ],
    )["results"]  # fmt: skip

    def comparable(body):
        own = {"id", "source_ref", "member", "recorded_at"}
        return {name: value for name, value in body.items() if name not in own}

    assert [comparable(one["body"]) for one in answers] == [comparable(one) for one in singles]
    a, b = (Wallet.objects.get(member=each.member) for each in (one_by_one, together))
    assert (a.posted, a.last_seq, a.last_activity_at) == (b.posted, b.last_seq, b.last_activity_at)
    kinds = OutboxEvent.objects.filter(kind="transaction.closed").count()
    assert kinds == Receipt.objects.count() == Purchase.objects.count() == 40


def test_a_batch_of_sales_costs_few_statements(shop, card):
    till = Till()
    till.post("purchases", purchase(shop, "warm", line("tea", 1), card=card))

    def cost(size):
        batch = [sold(shop, f"{size}-{n}", line("tea", 5_00), card=card) for n in range(size)]
        with CaptureQueriesContext(connection) as seen:
            assert send(till, *batch)["counts"]["done"] == size
        return len(seen)

    assert cost(10) == cost(90) < 20


def test_one_bad_sale_does_not_spoil_the_others(shop, card):
    till = Till()
    blocked = CardFactory(status="blocked")
    batch = [sold(shop, f"R-{n}", line("tea", 5_00), card=card) for n in range(5)]
    batch.insert(2, sold(shop, "R-bad", line("tea", 5_00), card=blocked))
    batch.insert(4, sold(shop, "R-wrong", line("tea", 5_00), tenders=[
        {"kind": "cash", "amount": usd(1)}]))  # fmt: skip

    statuses = [one["status"] for one in send(till, *batch)["results"]]

    # To a key that may not read members a blocked card is a card that nobody knows.
    assert statuses == [201, 201, 422, 201, 422, 201, 201]
    assert Wallet.objects.get().posted == 25


@pytest.mark.django_db
def test_remainders_are_carried_through_a_batch():
    make_programme(rounding="carry")
    shop, card, till = StoreFactory(code="S1"), CardFactory(), Till()

    for turn in range(3):
        send(till, *[sold(shop, f"{turn}-{n}", line("tea", 33), card=card) for n in range(10)])

    assert Wallet.objects.get().posted == 9  # 30 x 0.33 = 9.90
    assert EarnCarry.objects.get().units == 90


def day_of_a_shop(shop, cards, rng):
    """500 operations: sales of ten members and some returns of them."""
    begin = YESTERDAY.replace(hour=1, minute=0, second=0, microsecond=0)
    operations = []
    for n in range(440):
        lines = [line(f"sku-{k}", rng.randint(1, 9_999)) for k in range(rng.randint(1, 4))]
        card = rng.choice([*cards, None])
        at = begin + timedelta(minutes=2 * n)
        operations.append(sold(shop, f"R-{n}", *lines, at=at, card=card))
    for n in range(60):
        at = begin + timedelta(minutes=2 * n + 1)
        operations.append(returned(shop, f"B-{n}", f"R-{n}", at=at, amount=usd(rng.randint(1, 50))))
    return operations


def clock_off(operation, hours):
    moved = dict(operation)
    holder = moved if "occurred_at" in moved else moved["purchase"]
    moment = datetime.fromisoformat(holder["occurred_at"]) + timedelta(hours=hours)
    if holder is moved:
        moved["occurred_at"] = moment.isoformat()
    else:
        moved["purchase"] = {**holder, "occurred_at": moment.isoformat()}
    return moved


def send_shuffled(token, operations, seed):
    till = Till(token=token)
    mixed = list(operations)
    random.Random(seed).shuffle(mixed)
    return [
        one["status"]
        for start in range(0, len(mixed), 250)
        for one in send(till, *mixed[start : start + 250])["results"]
    ]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_shuffled_doubled_batch_of_two_processes_ends_as_the_ordered_run():
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    make_programme()
    shop, twin = StoreFactory(code="S1"), StoreFactory(code="S2")
    cards = [CardFactory() for _ in range(10)]
    operations = day_of_a_shop(shop, cards, rng)
    till = Till()
    ordered = [with_store(one, twin) for one in operations]
    twins = {card.number: CardFactory().number for card in cards}
    send(till, *[with_card(one, twins) for one in ordered])
    off = [clock_off(one, 3) for one in operations]
    doubled = off + rng.sample(off, 50)

    # The refunds that meet a sale of the other half of the batch are sent again, as a till does.
    race = race_processes([partial(send_shuffled, till.token, doubled, seed + n) for n in (1, 2)])
    assert race.overlap == 2
    assert not race.errors
    assert set(send_shuffled(till.token, doubled, seed)) <= {200, 201}

    assert by_twin(shop, twins) == by_twin(twin, twins)
    assert Receipt.objects.filter(store=shop).count() == 440


def with_store(operation, store):
    moved = dict(operation)
    moved["key"] = f"twin-{moved['key']}"
    if "of" in moved:
        moved["of"] = {**moved["of"], "store": store.code}
    else:
        moved["purchase"] = {**moved["purchase"], "store": store.code}
    return moved


def with_card(operation, twins):
    body = operation.get("purchase", {})
    if "member" not in body:
        return operation
    member = {"card": twins[body["member"]["card"]]}
    return {**operation, "purchase": {**body, "member": member}}


def by_twin(store, twins):
    """What the members of one half own, and what their receipts say."""
    numbers = twins if store.code == "S1" else twins.values()
    wallets = [Wallet.objects.filter(member__cards__number=number).first() for number in numbers]
    owned = [
        (
            wallet.posted,
            sorted(EarnCarry.objects.filter(wallet=wallet).values_list("units", flat=True)),
            sorted(Lot.objects.filter(wallet=wallet).values_list("expires_at", "remaining")),
            sum(LedgerEntry.objects.filter(wallet=wallet).values_list("amount", flat=True)),
        )
        for wallet in wallets
        if wallet
    ]
    receipts = Receipt.objects.filter(store=store).values_list("number", "state", "total_minor")
    return owned, sorted(receipts)
