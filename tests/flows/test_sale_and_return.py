"""A sale comes back in parts: the wallet ends as after one full return, whatever the order."""

from __future__ import annotations

import itertools

import pytest

from members.models import Receipt
from rewards.models import EarnCarry, Lot, LotMove, Wallet
from rewards.services import rule_sets
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, line, purchase

pytestmark = pytest.mark.django_db

PARTS = [
    {"lines": [{"line": 1, "quantity": "1"}, {"line": 3, "quantity": "0.25"}]},
    {"amount": {"amount": 12_34, "currency": "USD"}},
    {"lines": [{"line": 2}]},
]


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    rule_sets.forget()
    yield
    rule_sets.forget()


@pytest.fixture
def shop():
    programme = make_programme(rounding="carry")
    make_promotion(
        programme,
        "fifty-over-hundred",
        {"kind": "fixed_points", "points": 50},
        when={"all": [{"kind": "min_spend", "amount_minor": 100_00}]},
    )
    make_promotion(
        programme,
        "triple-tea",
        {"kind": "earn_rate", "points": 3, "per_minor": 100},
        goods={"include": {"skus": ["tea"]}},
    )
    return StoreFactory(code="S1")


def a_member_with_history(till, shop):
    card = CardFactory()
    first = purchase(shop, f"old-{card.pk}", line("rice", 333_33), card=card)
    assert till.post("purchases", first).status_code == 201
    return card


def a_sale(till, shop, card):
    body = purchase(
        shop, f"sale-{card.pk}",
        line("tea", 19_99, "3"), line("rice", 33_33, "2"), line("ham", 17_77, "0.75"),
        card=card, redeem={"points": 100},
    )  # fmt: skip
    sold = till.post("purchases", body)
    assert sold.status_code == 201, sold.content
    return sold.json()


def the_wallet(card):
    wallet = Wallet.objects.get(member=card.member)
    return (
        wallet.posted,
        sorted(Lot.objects.filter(wallet=wallet).values_list("expires_at", "remaining")),
        sum(LotMove.objects.filter(wallet=wallet).values_list("amount", flat=True)),
        sorted(EarnCarry.objects.filter(wallet=wallet).values_list("version", "units")),
    )


def refund(till, sold, number, part):
    back = till.post(f"purchases/{sold['id']}/refunds", {"number": number, **part})
    assert back.status_code == 201, back.content
    return back.json()


def in_parts(till, shop, order):
    card = a_member_with_history(till, shop)
    sold = a_sale(till, shop, card)
    done = [refund(till, sold, f"B-{card.pk}-{n}", PARTS[part]) for n, part in enumerate(order)]
    done.append(refund(till, sold, f"B-{card.pk}-rest", {}))
    return card, sold, [one["refund"] for one in done]


def test_three_parts_in_any_order_leave_the_wallet_of_one_full_refund(shop):
    till = Till()
    whole = a_member_with_history(till, shop)
    before = the_wallet(whole)
    sold = a_sale(till, shop, whole)
    once = refund(till, sold, "B-whole", {})["refund"]
    expected = the_wallet(whole)
    assert expected[:3] == before[:3]

    for order in itertools.permutations(range(3)):
        card, sold, parts = in_parts(till, shop, order)

        assert the_wallet(card) == expected, order
        assert sum(part["points_taken_back"] for part in parts) == once["points_taken_back"]
        assert sum(part["points_given_back"] for part in parts) == 100
        assert sum(part["money"]["amount"] for part in parts) == sold["totals"]["total"]["amount"]
        assert Receipt.objects.get(public_id=sold["id"]).state == "returned"
        refused = till.post(f"purchases/{sold['id']}/refunds", {"number": f"over-{card.pk}"})
        assert refused.json()["code"] == "refund_exceeds_original"
