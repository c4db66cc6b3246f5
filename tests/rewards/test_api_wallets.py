"""Wallets, holds and adjustments over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Hold, LedgerEntry
from rewards.rules.expiry import NEVER
from rewards.services.wallets import freeze_wallet
from tests.factories.rewards import WalletFactory, earn_points

pytestmark = pytest.mark.django_db

SPRING = datetime(2030, 4, 1, tzinfo=UTC)
SUMMER = datetime(2030, 7, 1, tzinfo=UTC)


@pytest.fixture
def reader(api):
    return api("wallets:read")


@pytest.fixture
def till(api):
    return api("wallets:read", "holds:write", "adjustments:request")


def of(wallet, part=""):
    return f"/api/v1/wallets/{wallet.public_id}{part}"


def test_a_member_has_wallets_with_balance_held_and_pending(reader, till):
    wallet = WalletFactory(points=100)
    body = {"wallet": str(wallet.public_id), "amount": 30, "source_ref": "1"}
    till.post("/api/v1/holds", body, key="k")

    (found,) = reader.get(f"/api/v1/members/{wallet.member.public_id}/wallets").json()["data"]

    assert found["id"] == str(wallet.public_id)
    assert (found["balance"], found["held"], found["available"], found["pending"]) == (
        100,
        30,
        70,
        0,
    )
    assert reader.get(of(wallet)).json() == found


def test_entries_come_newest_first_in_pages_and_say_what_caused_them(reader):
    wallet = WalletFactory()
    for number in range(5):
        earn_points(wallet, number + 1, ref=f"receipt {number}")

    first = reader.get(of(wallet, "/entries?limit=3")).json()
    rest = reader.get(of(wallet, f"/entries?limit=3&after={first['next']}")).json()

    assert [entry["seq"] for entry in first["data"] + rest["data"]] == [5, 4, 3, 2, 1]
    assert not rest["has_more"]
    newest = first["data"][0]
    assert (newest["kind"], newest["amount"], newest["balance_after"]) == ("earn", 5, 15)
    assert (newest["op"], newest["source_ref"], newest["receipt"]) == (
        "purchase",
        "receipt 4",
        None,
    )


def test_a_page_of_entries_costs_the_same_however_long(reader):
    wallet = WalletFactory()
    reader.get(of(wallet))  # the first use of a key is noted
    costs = []
    for _ in range(2):
        for _ in range(10):
            earn_points(wallet, 1)
        with CaptureQueriesContext(connection) as queries:
            reader.get(of(wallet, "/entries?limit=50"))
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 7


def test_lots_come_in_the_order_of_spending(reader):
    wallet = WalletFactory(lots={NEVER: 1, SUMMER: 2, SPRING: 3})

    found = reader.get(of(wallet, "/lots")).json()["data"]

    assert [lot["remaining"] for lot in found] == [3, 2, 1]
    assert found[-1]["expires_at"] is None


def test_expiring_names_what_goes_soon(reader):
    soon, later = [timezone.now() + timedelta(days=days) for days in (20, 100)]
    wallet = WalletFactory(lots={later: 2, soon: 3})

    found = reader.get(of(wallet, "/expiring")).json()["data"]
    all_of_it = reader.get(of(wallet, "/expiring?days=200")).json()["data"]

    assert [lot["remaining"] for lot in found] == [3]
    assert [lot["remaining"] for lot in all_of_it] == [3, 2]


def test_the_balance_of_a_moment_on_both_axes(reader):
    """An offline sale of last week arrives today: quality bar 26."""
    wallet = WalletFactory(points=100)
    before = LedgerEntry.objects.get()
    earn_points(wallet, 7, effective_at=datetime(2023, 12, 25, tzinfo=UTC))
    late = LedgerEntry.objects.get(seq=2)

    def balance(moment, axis):
        at = moment.isoformat().replace("+00:00", "Z")
        answer = reader.get(of(wallet, f"?as_of={at}&axis={axis}")).json()
        return answer["as_of"]["balance"]

    between = datetime(2023, 12, 31, tzinfo=UTC)
    assert balance(between, "effective") == 7
    assert balance(between, "recorded") == 0
    assert balance(before.recorded_at, "recorded") == 100
    assert balance(late.recorded_at, "recorded") == 107
    before.refresh_from_db()
    assert (before.balance_after, late.balance_after) == (100, 107)
    assert late.recorded_at > before.recorded_at


@pytest.mark.parametrize(
    "query",
    [
        "as_of=yesterday",
        "as_of=2026-01-01T00:00:00",
        "axis=both",
        "colour=red",
        "as_of=2026-13-01T00:00:00Z",
    ],
)
def test_a_parameter_that_means_nothing_is_refused(reader, query):
    wallet = WalletFactory()

    assert reader.get(of(wallet, f"?{query}")).status_code == 400


@pytest.mark.parametrize("part", ["", "/entries", "/lots", "/expiring"])
def test_reading_takes_the_scope_and_a_wallet_that_exists(api, reader, part):
    wallet = WalletFactory()

    assert api("holds:write").get(of(wallet, part)).json()["code"] == "forbidden_scope"
    assert reader.get(f"/api/v1/wallets/{uuid4()}{part}").json()["code"] == "not_found"
    assert reader.get(f"/api/v1/members/{uuid4()}/wallets").status_code == 404


def hold(till, wallet, amount, ref="pay-1", key=None, **fields):
    body = {"wallet": str(wallet.public_id), "amount": amount, "source_ref": ref, **fields}
    return till.post("/api/v1/holds", body, key=key or str(uuid4()))


def test_hold_capture_and_read(till):
    wallet = WalletFactory(points=100)

    placed = hold(till, wallet, 80).json()
    captured = till.post(
        f"/api/v1/holds/{placed['id']}/capture", {"amount": 60, "source_ref": "pay-1"}, key="c"
    ).json()

    assert (placed["status"], placed["amount"]) == ("held", 80)
    assert (captured["status"], captured["captured"], captured["balance_after"]) == (
        "captured",
        60,
        40,
    )
    assert till.get(f"/api/v1/holds/{placed['id']}").json()["captured"] == 60


def test_the_same_reference_with_a_new_key_is_the_first_hold(till):
    wallet = WalletFactory(points=100)

    first, again = hold(till, wallet, 80), hold(till, wallet, 80)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "duplicate_of_existing": True}
    assert hold(till, wallet, 79).json()["code"] == "source_ref_conflict"
    assert Hold.objects.count() == 1


def test_refusals_of_holds(till):
    wallet = WalletFactory(points=100)
    placed = hold(till, wallet, 80).json()["id"]
    capture, void = f"/api/v1/holds/{placed}/capture", f"/api/v1/holds/{placed}/void"

    assert hold(till, wallet, 21, ref="pay-2").json()["code"] == "insufficient_points"
    too_much = till.post(capture, {"amount": 81, "source_ref": "x"}, key="1").json()
    assert (too_much["code"], too_much["params"]) == (
        "capture_exceeds_hold",
        {"held": 80, "requested": 81},
    )
    assert till.post(void, {"reason": "the customer left"}, key="2").json()["status"] == "voided"
    ended = till.post(capture, {"amount": 1, "source_ref": "x"}, key="3").json()
    assert ended["code"] == "hold_resolved"
    assert till.get(f"/api/v1/holds/{uuid4()}").status_code == 404
    short = hold(till, wallet, 1, ref="pay-3", ttl_seconds=1).json()["id"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1.05)")
    late = till.post(f"/api/v1/holds/{short}/capture", {"amount": 1, "source_ref": "y"}, key="4")
    assert late.json()["code"] == "hold_expired"


@pytest.mark.parametrize("amount", [-1, 0, 10**12 + 1, 2**63, "80", 80.0, True, None])
def test_extreme_amounts_are_refused(till, amount):
    wallet = WalletFactory(points=100)

    refused = hold(till, wallet, amount)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/amount")


@pytest.mark.parametrize("literal", ["NaN", "1e999", "1e5", "1E+5", "-0.0"])
def test_numbers_that_are_no_integers_are_refused(till, literal):
    wallet = WalletFactory(points=100)
    raw = f'{{"wallet":"{wallet.public_id}","source_ref":"1","amount":{literal}}}'.encode()

    assert till.post("/api/v1/holds", raw, key="k").status_code == 400


def adjust(till, wallet, points, ref="case-1", **fields):
    asked = {
        "wallet": str(wallet.public_id),
        "points": points,
        "source_ref": ref,
        "reason": "an apology",
    }
    return till.post("/api/v1/adjustments", {**asked, **fields}, key=str(uuid4()))


def test_an_adjustment_adds_or_takes_points_once(till):
    wallet = WalletFactory(points=100)

    added, again = adjust(till, wallet, 50), adjust(till, wallet, 50)
    taken = adjust(till, wallet, -150, ref="case-2")

    assert (added.status_code, added.json()["balance_after"]) == (201, 150)
    assert (again.status_code, again.json()["id"]) == (200, added.json()["id"])
    assert taken.json()["balance_after"] == 0
    assert adjust(till, wallet, 51).json()["code"] == "source_ref_conflict"


def test_an_adjustment_makes_no_debt_and_needs_a_reason(till):
    wallet = WalletFactory(points=100)

    assert adjust(till, wallet, -101).json()["code"] == "insufficient_points"
    assert adjust(till, wallet, 1, reason="").status_code == 400
    assert adjust(till, wallet, 1, reason="   ").status_code == 400
    assert adjust(till, wallet, 0).status_code == 400


def test_a_frozen_wallet_says_so(till):
    wallet = WalletFactory(points=100)
    freeze_wallet(wallet=wallet, reason="under review", actor=SYSTEM)

    assert hold(till, wallet, 1).json()["code"] == "wallet_frozen"
    assert adjust(till, wallet, -1).status_code == 201


def test_writing_takes_the_scope(reader):
    wallet = WalletFactory(points=100)

    assert hold(reader, wallet, 1).json()["code"] == "forbidden_scope"
    assert adjust(reader, wallet, 1).json()["code"] == "forbidden_scope"
