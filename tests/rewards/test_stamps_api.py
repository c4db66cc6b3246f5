"""Stamp cards and late claims through the API."""

from __future__ import annotations

import uuid

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt
from rewards.models import ReceiptClaim
from rewards.services import claims
from rewards.services.programmes import default_programme
from rewards.services.stamps.programmes import change_stamp_programme
from tests.factories.members import MemberFactory, StoreFactory
from tests.rewards.shop import Shop, days_ago
from tests.rewards.stamp_tools import CUPS, stamp_programme
from tests.rewards.till_client import Till, line, usd

SCOPES = ["wallets:read", "stamps:write", "claims:write", "sales:read"]


@pytest.fixture
def shop(db):
    shop = Shop()
    shop.sells("drinks", "coffee", "tea")
    shop.publishes("cups", CUPS)
    return shop


@pytest.fixture
def app():
    return Till(*SCOPES)


def at(member, tail):
    return f"members/{member.public_id}/{tail}"


def by_hand(amount=1, ref="r", **changes):
    body = {"programme": "cup", "amount": amount, "reason": "torn", "reference": ref}
    return {**body, **changes}


def code_of(answer, status):
    assert answer.status_code == status, answer.content
    return answer.json()["code"]


def test_the_cards_of_a_member(shop, app):
    stamp_programme(stamp_days=30)
    stamp_programme("other", needed=3, is_active=False)
    stamp_programme("hundred", needed=100_00, kind="sum")
    shop.sell(line("coffee", 1_00, "12"))
    member = shop.card.member
    app.get(at(member, "stamp-cards"))

    answer = app.get(at(member, "stamp-cards")).json()["data"]

    assert [(one["programme"], one["stamps"], one["full_cards"]) for one in answer] == [
        ("cup", 2, 1), ("hundred", 0, 0),
    ]  # fmt: skip
    cup = answer[0]
    assert (cup["needed"], cup["next_gone"]) == (10, 2)
    assert cup["reward"] == {"kind": "points", "code": "", "amount": 50, "valid_days": None}
    full = app.get(at(member, "stamp-cards/full")).json()["data"]
    assert [(one["number"], one["state"], one["stamps"]) for one in full] == [(1, "full", 10)]
    assert app.get(f"members/{uuid.uuid4()}/stamp-cards").status_code == 404


def test_a_list_of_cards_costs_the_same_for_many(shop, app, django_assert_max_num_queries):
    for number in range(6):
        stamp_programme(f"card-{number}", stamp_days=30)
    with django_assert_max_num_queries(10):
        app.get(at(shop.card.member, "stamp-cards"))


def test_stamps_by_hand(shop, app):
    programme = stamp_programme()
    member = shop.card.member

    first = app.post(at(member, "stamps"), by_hand(2))
    again = app.post(at(member, "stamps"), by_hand(2))

    assert (first.status_code, first.json()["state"], first.json()["stamps"]) == (201, "done", 2)
    assert again.json()["id"] == first.json()["id"]
    other = app.post(at(member, "stamps"), by_hand(1))
    assert code_of(other, 409) == "source_ref_conflict"
    assert code_of(app.post(at(member, "stamps"), by_hand(2, "s")), 422) == "stamp_limit"
    change_stamp_programme(stamps=programme, terms={"manual_per_day": 20}, actor=SYSTEM)
    waiting = app.post(at(member, "stamps"), by_hand(5, "t"))
    assert (waiting.status_code, waiting.json()["state"]) == (202, "waiting")
    unknown = app.post(at(member, "stamps"), by_hand(programme="none", ref="u"))
    assert code_of(unknown, 422) == "stamp_programme_unknown"
    change_stamp_programme(stamps=programme, terms={"is_active": False}, actor=SYSTEM)
    assert code_of(app.post(at(member, "stamps"), by_hand(ref="v")), 409) == "stamp_programme_off"
    for bad in (by_hand(0), by_hand(reason=" "), by_hand(amount="1"), {}):
        assert app.post(at(member, "stamps"), bad).status_code == 400


def open_claims(**terms):
    claims.change_terms(
        programme=default_programme(), terms={"is_open": True, **terms}, actor=SYSTEM
    )


def nobodys(shop, price=4_00, **details):
    sold = shop.sell(line("tea", price), card=False, **details)
    return Receipt.objects.get(public_id=sold.body["id"])


def shown(receipt, **changes):
    body = {"store": "S1", "number": receipt.number, "total": usd(receipt.total_minor)}
    return {**body, **changes}


def test_a_claim_by_number_and_by_code(shop, app):
    open_claims(review_above_minor=50_00)
    member = MemberFactory()
    receipt, second, large = nobodys(shop), nobodys(shop), nobodys(shop, 60_00)

    first = app.post(at(member, "claims"), shown(receipt))
    by_code = app.post(at(member, "claims"), {"qr": f"r/{second.public_id}"})
    waiting = app.post(at(member, "claims"), shown(large))

    assert (first.status_code, first.json()["points"], first.json()["state"]) == (201, 4, "granted")
    assert first.json()["purchase"] == str(receipt.public_id)
    assert by_code.status_code == 201
    assert (waiting.status_code, waiting.json()["state"]) == (202, "waiting")
    listed = app.get(at(member, "claims")).json()["data"]
    assert [one["state"] for one in listed] == ["waiting", "granted", "granted"]
    repeat = app.post(at(member, "claims"), shown(receipt))
    assert repeat.json()["id"] == first.json()["id"]
    assert code_of(app.post(at(member, "claims"), shown(nobodys(shop))), 422) == "claim_limit"


def test_claims_that_are_refused(shop, app):
    member, receipt = MemberFactory(), nobodys(shop)
    assert code_of(app.post(at(member, "claims"), shown(receipt)), 409) == "claims_closed"
    open_claims()
    old = nobodys(shop, occurred_at=days_ago(20))
    late = app.post(at(member, "claims"), shown(old))
    assert code_of(late, 422) == "receipt_not_claimable"
    assert late.json()["params"] == {"reason": "too_late", "days": 14}
    euro = shown(receipt, total={"amount": 1, "currency": "EUR"})
    assert code_of(app.post(at(member, "claims"), euro), 422) == "currency_mismatch"
    for bad in ({}, {"store": "S1"}, {"store": "S1", "number": "1"}, {"what": 1}, {"qr": 1}):
        assert app.post(at(member, "claims"), bad).status_code == 400
    StoreFactory(code="S2")
    elsewhere = Till(*SCOPES, stores=("S2",))
    foreign = elsewhere.post(at(member, "claims"), shown(receipt))
    assert foreign.status_code in (404, 422)
    assert not ReceiptClaim.objects.exists()


def test_guessing_numbers_is_slowed_down(shop, app, settings):
    open_claims()
    member, receipt = MemberFactory(), nobodys(shop)
    wrong = shown(receipt, total=usd(1))
    for _ in range(settings.GUESSES_PER_MINUTE):
        assert code_of(app.post(at(member, "claims"), wrong), 422) == "receipt_unknown"

    right = app.post(at(member, "claims"), shown(receipt))

    assert code_of(right, 429) == "too_many_requests"
    assert app.post(at(MemberFactory(), "claims"), shown(receipt)).status_code == 201


def test_scopes(shop):
    stamp_programme()
    member, poor = shop.card.member, Till("members:read")
    assert poor.get(at(member, "stamp-cards")).status_code == 403
    assert poor.get(at(member, "stamp-cards/full")).status_code == 403
    assert poor.post(at(member, "stamps"), by_hand()).status_code == 403
    assert poor.post(at(member, "claims"), {"qr": "x"}).status_code == 403
    assert poor.get(at(member, "claims")).status_code == 403
