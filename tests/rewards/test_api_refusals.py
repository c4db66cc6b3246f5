"""Refusals of checkout, holds and promotions as an integrator receives them (quality bar 42)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from loyalty_crm.kernel import clock
from rewards.models import Hold, Programme, Wallet
from rewards.services.ledger import merge_wallets
from tests.api import Integrator
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import ProgrammeFactory, WalletFactory, event
from tests.rewards.till_client import Till, line, purchase, usd

pytestmark = pytest.mark.django_db


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def shop() -> Any:
    make_programme()
    return StoreFactory(code="S1")


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def later(**by: int) -> str:
    return (clock.now() + timedelta(**by)).isoformat()


@pytest.mark.parametrize(
    ("changes", "refusal", "pointer"),
    [
        ({"occurred_at": later(days=30)}, "occurred_in_future", "/occurred_at"),
        ({"occurred_at": later(days=-4000)}, "occurred_too_long_ago", "/occurred_at"),
        ({"terminal": "T9"}, "terminal_unknown", "/terminal"),
        ({"quote_id": "broken"}, "quote_invalid", "/quote_id"),
        ({"lines": [line("tea", 1)] * 1001}, "too_many_lines", "/lines"),
        ({"tenders": [{"kind": "cash", "amount": usd(1)}]}, "tenders_mismatch", "/tenders"),
        ({"lines": [line("tea", 10_00, gross=usd(1))]}, "line_mismatch", "/lines/0/gross"),
        (
            {"lines": [line("tea", 10_00, discount={"amount": 1, "currency": "RUB"})]},
            "currency_mismatch",
            "/lines/0/discount/currency",
        ),
    ],
)
def test_a_sale_that_cannot_be(shop, till, changes, refusal, pointer):
    body = {**purchase(shop, "R-1", line("tea", 10_00)), **changes}

    refused = till.post("purchases", body)

    assert code(refused) == (422, refusal)
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_a_blocked_card_is_told_to_whom_may_read_members(shop, till):
    card = CardFactory(status="blocked")
    sale = purchase(shop, "R-1", line("tea", 10_00), card=card)

    assert code(till.post("purchases", sale)) == (422, "member_unknown")
    trusted = Till("sales:write", "members:read")
    assert code(trusted.post("purchases", sale)) == (409, "card_blocked")


def test_no_programme(till):
    shop = StoreFactory(code="S1")

    assert not Programme.objects.exists()
    assert code(till.post("purchases", purchase(shop, "R-1", line("tea", 1)))) == (
        409,
        "programme_missing",
    )


def test_more_than_was_sold_does_not_come_back_and_a_voided_sale_not_at_all(shop, till):
    sold = till.post("purchases", purchase(shop, "R-1", line("tea", 10_00))).json()
    url = f"purchases/{sold['id']}"
    too_many = {"number": "B-1", "lines": [{"line": 1, "quantity": "2"}]}

    assert code(till.post(f"{url}/refunds", too_many)) == (422, "refund_exceeds_original")
    assert till.post(f"{url}/void", {}).status_code in (200, 201)
    assert code(till.post(f"{url}/refunds", {"number": "B-2"})) == (409, "purchase_voided")


def test_points_pay_no_more_than_the_receipt_takes(till):
    programme = make_programme(max_points_share_percent=10)
    card = CardFactory()
    WalletFactory(member=card.member, programme=programme, points=10_000)
    body = purchase(StoreFactory(code="S1"), "R-1", line("tea", 10_00), card=card)

    refused = till.post("purchases", {**body, "redeem": {"points": 5_000}})

    assert code(refused) == (422, "limit_exceeded")
    assert refused.json()["errors"][0]["params"]["max"] < 5_000


def hold(api: Any, wallet: Wallet) -> Any:
    holder: Integrator = api("holds:write")
    body = {"wallet": str(wallet.public_id), "amount": 1, "source_ref": "1"}
    return holder.post("/api/v1/holds", body, "k")


def test_a_hold_on_a_merged_wallet_follows_it_to_its_survivor(api):
    programme = ProgrammeFactory()
    source, survivor = WalletFactory.create_batch(2, programme=programme, points=5)
    with transaction.atomic():
        merge_wallets(source=source, survivor=survivor, event=event(op="merge"))

    assert hold(api, source).status_code == 201
    assert Hold.objects.get().wallet == survivor


def test_a_closed_wallet(api):
    wallet = WalletFactory()
    Wallet.objects.filter(pk=wallet.pk).update(status="closed")

    assert code(hold(api, wallet)) == (409, "wallet_closed")


def test_promotions_refuse_a_taken_code_a_wrong_definition_and_a_wrong_state(shop, till):
    named = {"code": "tea-week", "name": "Tea week"}
    at = f"promotions/{till.post('promotions', named).json()['id']}"

    assert code(till.post("promotions", named)) == (409, "promotion_code_taken")
    unclear = till.post(f"{at}/versions", {"definition": {"effects": [{"kind": "magic"}]}})
    assert code(unclear) == (422, "definition_invalid")
    assert unclear.json()["errors"]
    assert code(till.post(f"{at}/pause", {})) == (409, "promotion_state")
