"""The till protocol over HTTP: quote → purchase → refund, keys, numbers, stores, limits."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock, idempotency
from members.models import Receipt
from rewards.models import Wallet
from tests.factories.members import CardFactory, IdentityFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.till_client import Till, basket, line, purchase, usd

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1")


@pytest.fixture
def card():
    return CardFactory()


@pytest.fixture
def till():
    return Till()


def code(response):
    return response.status_code, response.json()["code"]


def test_quote_purchase_refund_from_end_to_end(shop, card, till):
    quoted = till.post("quotes", basket(shop, line("tea", 10_00, "2"), card=card), key=None)
    body = quoted.json()
    assert quoted.status_code == 200
    assert (body["points"]["earn"], body["totals"]["total"]) == (20, usd(20_00))
    assert body["redeem"]["max_points"] == 0
    assert body["decisions"][0]["text"] == "Base earning rule: 20 points"

    sold = till.post(
        "purchases",
        purchase(shop, "R-1", line("tea", 10_00, "2"), card=card, quote_id=body["quote_id"],
                 tenders=[{"kind": "cash", "amount": usd(20_00)}]),
    )  # fmt: skip
    assert sold.status_code == 201
    assert sold.json()["wallet"] == {"balance": 20, "held": 0, "available": 20}
    assert sold.json()["lines"][0]["grants"] == [
        {"promotion": "base", "version": 1, "base": usd(20_00), "points": 20, "funding": None}
    ]

    url = f"purchases/{sold.json()['id']}"
    back = till.post(f"{url}/refunds", {"number": "B-1", "lines": [{"line": 1, "quantity": "1"}]})
    assert back.status_code == 201
    assert back.json()["refund"]["points_taken_back"] == 10
    shown = till.get(url).json()
    assert (shown["state"], shown["points"]["taken_back"]) == ("partly_returned", 10)
    assert [one["number"] for one in shown["refunds"]] == ["B-1"]
    found = till.get("purchases?source_ref=R-1&store=S1").json()["data"]
    assert [one["id"] for one in found] == [sold.json()["id"]]
    assert till.get(f"{url}/decisions").json()["data"][0]["promotion"] == "base"
    assert code(till.post(f"{url}/void", {})) == (422, "void_window_closed")


def test_a_purchase_needs_a_key(shop, till):
    body = purchase(shop, "R-1", line("tea", 10_00))

    assert code(till.post("purchases", body, key=None)) == (400, "idempotency_key_missing")
    assert code(till.post("purchases", body, key="x" * 256)) == (400, "idempotency_key_invalid")
    assert not Receipt.objects.exists()


def test_the_same_key_replays_the_same_bytes(shop, card, till):
    body = purchase(shop, "R-1", line("tea", 10_00), card=card)
    first = till.post("purchases", body, key="k")

    again = till.post("purchases", json.dumps(body, indent=2), key="k")

    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert code(till.post("purchases", {**body, "cashier": "x"}, key="k")) == (
        422,
        "idempotency_key_reused",
    )
    assert Wallet.objects.get().posted == 10


def test_a_new_key_with_a_known_number_answers_with_the_original(shop, card, till):
    body = purchase(shop, "R-1", line("tea", 10_00), card=card)
    first = till.post("purchases", body).json()

    again = till.post("purchases", body)

    assert again.status_code == 200
    assert (again.json()["id"], again.json()["duplicate_of_existing"]) == (first["id"], True)
    other = {**body, "lines": [line("tea", 11_00)]}
    assert code(till.post("purchases", other)) == (409, "source_ref_conflict")


def test_a_key_that_was_forgotten_still_cannot_sell_twice(shop, card, till):
    """Keys are purged after thirty days; the receipt's number is kept for ever."""
    body = purchase(shop, "R-1", line("tea", 10_00), card=card)
    first = till.post("purchases", body, key="k").json()
    assert idempotency.purge(clock.now()) == 1

    again = till.post("purchases", body, key="k")

    assert again.status_code == 200
    assert (again.json()["id"], again.json()["duplicate_of_existing"]) == (first["id"], True)
    assert "Idempotent-Replayed" not in again
    assert Wallet.objects.get().posted == 10


def test_a_business_refusal_is_final_for_its_key(shop, card, till):
    first = {**purchase(shop, "R-1", line("tea", 10_00), card=card), "redeem": {"points": 1}}
    assert code(till.post("purchases", first, key="k")) == (422, "insufficient_points")
    till.post("purchases", purchase(shop, "R-0", line("tea", 10_00), card=card))

    assert code(till.post("purchases", first, key="k")) == (422, "insufficient_points")
    assert till.post("purchases", first, key="k2").status_code == 201


def test_an_unknown_member_is_not_frozen_into_the_key(shop, till):
    body = {**purchase(shop, "R-1", line("tea", 10_00)), "member": {"phone": "+79991234567"}}
    assert code(till.post("purchases", body, key="k")) == (422, "member_unknown")
    IdentityFactory(value="+79991234567")

    assert till.post("purchases", body, key="k").status_code == 201


def test_a_stale_quote_comes_with_a_fresh_one(shop, card, till):
    quoted = till.post("quotes", basket(shop, line("tea", 10_00), card=card), key=None).json()
    body = purchase(shop, "R-1", line("tea", 12_00), card=card, quote_id=quoted["quote_id"])

    refused = till.post("purchases", body)

    assert code(refused) == (409, "quote_stale")
    fresh = refused.json()["params"]["quote"]
    assert fresh["totals"]["total"] == usd(12_00)
    body["quote_id"] = fresh["quote_id"]
    assert till.post("purchases", body).status_code == 201


def test_a_key_of_one_store_sees_no_other(shop, till):
    other = StoreFactory(code="S2")
    sold = till.post("purchases", purchase(other, "R-1", line("tea", 10_00))).json()
    bound = Till(stores=("S1",))

    assert code(bound.post("purchases", purchase(other, "R-2", line("tea", 1)))) == (
        404,
        "not_found",
    )
    assert code(bound.post("quotes", basket(other, line("tea", 1)), key=None)) == (404, "not_found")
    assert code(bound.get(f"purchases/{sold['id']}")) == (404, "not_found")
    back = bound.post(f"purchases/{sold['id']}/refunds", {"number": "B-1"})
    assert code(back) == (404, "not_found")
    assert bound.get("purchases?source_ref=R-1&store=S2").json()["data"] == []
    assert Receipt.objects.get().state == "closed"


@pytest.mark.parametrize(
    ("scopes", "path"),
    [
        (["sales:read"], "quotes"),
        (["sales:read"], "purchases"),
        (["sales:write"], "purchases/018f0000-0000-7000-8000-000000000000/refunds"),
    ],
)
def test_each_door_needs_its_scope(shop, scopes, path):
    response = Till(*scopes).post(path, {})

    assert code(response) == (403, "forbidden_scope")


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"balance": 5}, 400, "unknown_field"),
        ({"lines": []}, 400, "validation_failed"),
        ({"lines": [line("a", 1, "0")]}, 400, "validation_failed"),
        ({"lines": [line("a", 1, "1.0001")]}, 400, "validation_failed"),
        ({"lines": [line("a", -1)]}, 400, "validation_failed"),
        ({"lines": [line("a", 10**12 + 1)]}, 400, "validation_failed"),
        ({"lines": [line("a", 1) | {"price": {"amount": "12", "currency": "USD"}}]}, 400,
         "validation_failed"),
        ({"lines": [line("a", 1) | {"price": {"amount": 1, "currency": "EUR"}}]}, 422,
         "currency_mismatch"),
        ({"lines": [line("a", 100) | {"gross": usd(102)}]}, 422, "line_mismatch"),
        ({"lines": [line("a", 100) | {"discount": usd(101)}]}, 422, "line_mismatch"),
        ({"lines": [line("a", 1)] * 1001}, 422, "too_many_lines"),
        ({"occurred_at": "2026-03-04T12:00:00"}, 400, "validation_failed"),
        ({"occurred_at": "2199-03-04T12:00:00Z"}, 422, "occurred_in_future"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, 422, "occurred_too_long_ago"),
        ({"member": {"card": "1", "phone": "2"}}, 400, "validation_failed"),
        ({"member": {}}, 400, "validation_failed"),
        ({"terminal": "no such"}, 422, "terminal_unknown"),
        ({"redeem": {"points": -1}}, 400, "validation_failed"),
        ({"tenders": [{"kind": "cash", "amount": usd(1)}]}, 422, "tenders_mismatch"),
        ({"quote_id": "made up"}, 422, "quote_invalid"),
        ({"hold_id": "018f0000-0000-7000-8000-000000000000"}, 409, "hold_resolved"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_and_leaves_no_trace(shop, till, change, status, expected):
    body = {**purchase(shop, "R-1", line("tea", 10_00)), **change}

    assert code(till.post("purchases", body)) == (status, expected)
    assert not Receipt.objects.exists()


def test_a_thousand_lines_are_sold(shop, card, till):
    lines = [line(f"sku-{n}", 100) for n in range(1000)]

    sold = till.post("purchases", purchase(shop, "R-1", *lines, card=card))

    assert sold.status_code == 201
    assert sold.json()["points"]["earned"] == 1000


def test_a_quote_can_reserve_and_the_sale_takes_the_hold(shop, card, till):
    till.post("purchases", purchase(shop, "R-0", line("tea", 100_00), card=card))
    asked = basket(shop, line("tea", 10_00), card=card, redeem={"points": 80}, reserve=True)
    assert code(till.post("quotes", asked, key=None)) == (400, "idempotency_key_missing")

    quoted = till.post("quotes", asked, key="q").json()
    assert till.post("quotes", asked, key="q").json() == quoted
    body = purchase(
        shop, "R-1", line("tea", 10_00), card=card, redeem={"points": 80},
        quote_id=quoted["quote_id"], hold_id=quoted["hold"]["id"],
    )  # fmt: skip
    sold = till.post("purchases", body)

    assert sold.status_code == 201
    assert sold.json()["wallet"] == {"balance": 29, "held": 0, "available": 29}
    assert code(till.post("purchases", {**body, "number": "R-2"})) == (409, "hold_resolved")


def test_fractions_of_goods_are_priced_to_the_minor_unit(shop, card, till):
    sold = till.post("purchases", purchase(shop, "R-1", line("ham", 999, "0.333"), card=card))

    [sold_line] = sold.json()["lines"]
    assert (sold_line["quantity"], sold_line["gross"]) == ("0.333", usd(333))


def count_statements(work):
    with CaptureQueriesContext(connection) as seen:
        assert work().status_code == 201
    return [one["sql"] for one in seen.captured_queries]


def test_the_number_of_statements_is_small_and_never_grows(shop, card, till):
    till.post("purchases", purchase(shop, "warm", line("tea", 10_00), card=card))
    one = purchase(shop, "R-1", line("tea", 10_00), card=card)
    many = purchase(shop, "R-2", *[line(f"s{n}", 100) for n in range(300)], card=card)

    few = count_statements(lambda: till.post("purchases", one))
    lots = count_statements(lambda: till.post("purchases", many))

    assert len(few) == len(lots) <= 10, "\n".join(few)
