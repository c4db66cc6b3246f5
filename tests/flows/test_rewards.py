"""Programme types of rewards from the first purchase to the way back, over the API.

Rows 33, 38, 59 and 60 of the requirements; the books prove themselves at the end of each.
"""

from __future__ import annotations

from itertools import count

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import TierMembership, TierStructure
from rewards.services import rule_sets, tiers
from rewards.services.audit_ledger import audit_ledger
from rewards.services.tiers.ladders import Step
from tests.factories.catalogue import make_cause, make_reward
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import ALL, Till, line, purchase, usd

pytestmark = pytest.mark.django_db

_refs = count(1)
SCOPES = (*ALL, "rewards:read", "rewards:write", "rewards:redeem", "causes:pay", "members:write",
          "wallets:read")  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    rule_sets.forget()
    yield
    rule_sets.forget()


@pytest.fixture
def programme():
    return make_programme(max_points_share_percent=100)


@pytest.fixture
def shop(programme):
    return StoreFactory(code="S1")


@pytest.fixture
def till(shop):
    return Till(*SCOPES)


@pytest.fixture
def card():
    return CardFactory()


def buy(till, shop, card, amount, number="R-1"):
    done = till.post("purchases", purchase(shop, number, line("tea", amount), card=card))
    assert done.status_code == 201, done.content
    return done.json()


def take(till, reward, card, **more):
    body = {"member": str(card.member.public_id), "source_ref": f"r{next(_refs)}", **more}
    done = till.post(f"rewards/{reward.public_id}/redeem", body)
    assert done.status_code == 201, done.content
    return done.json()


def cancel(till, taken):
    done = till.post(f"redemptions/{taken['id']}/cancel", {"reason": "not wanted"})
    assert done.status_code == 200, done.content


def balance(till, card):
    (wallet,) = till.get(f"members/{card.member.public_id}/wallets").json()["data"]
    return wallet["balance"]


def proved():
    return not [finding for finding in audit_ledger() if finding.count]


def test_points_become_rewards_discounts_gifts_and_purchases(till, shop, card, programme):
    """Row 33: 500.00 spent earn 500 points; each way of spending them, and its way back."""
    buy(till, shop, card, 500_00)
    mug = make_reward(programme, "mug", price_points=120, stock=3)
    off = make_reward(programme, "off", kind="discount", price_points=80,
                      promotion=programme.promotions.get(code="base"))  # fmt: skip
    card_reward = make_reward(
        programme, "card", kind="gift_card", price_points=100, value_minor=100
    )
    part = till.post(
        "purchases",
        purchase(shop, "R-2", line("rice", 50), card=card, redeem={"points": 50}),
    )
    assert part.status_code == 201
    taken = [take(till, one, card) for one in (mug, off, card_reward)]
    assert balance(till, card) == 500 - 50 - 120 - 80 - 100
    for one in taken:
        cancel(till, one)
    refund = till.post(f"purchases/{part.json()['id']}/void", {})
    assert refund.status_code < 300, refund.content

    assert balance(till, card) == 500
    assert proved()


def test_purchases_and_points_are_pledged_to_the_cause_of_the_member(till, shop, card, programme):
    """Row 38: 1 % of 200.00 and 30 points go to the cats; the returned goods take theirs back."""
    make_cause(programme, "trees", is_default=True)
    make_cause(programme, "cats")
    pledge = {"kind": "charity", "code": "chosen", "basis_points": 100}
    make_promotion(programme, "one-percent", pledge)
    body = {"cause": "cats"}
    till.integrator.request("PUT", f"/api/v1/members/{card.member.public_id}/cause", body, "k")
    give = make_reward(programme, "give", kind="donation", price_points=30, value_minor=150)

    first = buy(till, shop, card, 200_00)
    buy(till, shop, card, 100_00, "R-2")
    kept, gone = take(till, give, card), take(till, give, card)
    cancel(till, gone)
    till.post(f"purchases/{first['id']}/void", {})

    totals = {row["cause"]: row for row in till.get("causes/totals").json()["data"]}
    assert kept["state"] == "fulfilled"
    assert totals["cats"]["by_sales"] == usd(1_00)
    assert totals["cats"]["by_points"] == usd(1_50)
    assert totals["trees"]["outstanding"] == usd(0)
    paid = {"amount": usd(2_50), "paid_on": "2026-03-01", "document": "PP-1"}
    payment = till.post("causes/cats/payments", paid).json()
    back = till.post(f"cause-payments/{payment['id']}/counter", {"reason": "returned by bank"})
    assert back.json()["amount"] == usd(-2_50)
    assert proved()


def test_every_kind_of_reward_is_given_and_taken_back(till, shop, card, programme):
    """Row 59: discount, gift, delivery, service, experience, donation, card, turn, ticket."""
    buy(till, shop, card, 1_000_00)
    make_cause(programme, is_default=True)
    base = programme.promotions.get(code="base")
    till.post("services", {"code": "wash", "name": "Car wash"})
    service = programme.services.get(code="wash")
    kinds = {
        "discount": {"promotion": base},
        "product": {"stock": 1},
        "service": {"service": service, "quantity": 2},
        "free_delivery": {},
        "experience": {},
        "donation": {"value_minor": 100},
        "gift_card": {"value_minor": 100},
        "game_play": {"award_code": "wheel", "quantity": 3},
        "draw_ticket": {"award_code": "spring"},
    }
    for kind, terms in kinds.items():
        reward = make_reward(programme, kind.replace("_", "-"), kind=kind, **terms)
        taken = take(till, reward, card)
        if taken["state"] == "reserved":
            handed = till.post(f"redemptions/{taken['id']}/fulfil", {"store": "S1"})
            assert handed.status_code == 200, (kind, handed.content)
        cancel(till, taken)
        assert balance(till, card) == 1_000, kind
    assert proved()


def test_two_free_alterations_a_year_for_gold(till, shop, card, programme):
    """Row 60: counted, used with a reason, refused when they are over, given back."""
    ladder = TierStructure(programme=programme, code="club", name="Club", is_primary=True)
    steps = [Step("base", "Base", 0), Step("gold", "Gold", 100_00)]
    tiers.save_structure(structure=ladder, steps=steps, actor=SYSTEM)
    rules = [{"tier": "gold", "count": 2, "period": "year"}]
    till.post("services", {"code": "alteration", "name": "Alteration", "rules": rules})
    home = f"members/{card.member.public_id}/services"
    assert till.get(home).json()["data"] == []
    buy(till, shop, card, 150_00)
    tiers.rise_all(structure=ladder)
    assert TierMembership.objects.get().tier.code == "gold"

    uses = [
        till.post(
            f"{home}/alteration/uses", {"reason": "hem", "source_ref": f"a{no}", "store": "S1"}
        )
        for no in range(3)
    ]

    assert [one.status_code for one in uses] == [201, 201, 422]
    assert till.get(home).json()["data"][0]["left"] == 0
    till.post(f"service-uses/{uses[0].json()['id']}/cancel", {"reason": "customer left"})
    assert till.get(home).json()["data"][0]["left"] == 1
    assert proved()
