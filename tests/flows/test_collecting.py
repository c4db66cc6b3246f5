"""Stamps, receipts up to a sum, a late claim, a challenge: each to its reward and back again."""

from __future__ import annotations

import pytest

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt
from rewards.models import Challenge, ChallengeStep, Coupon, Wallet
from rewards.services import claims, rule_sets
from rewards.services.audit_ledger import audit_ledger
from rewards.services.challenges.rebuilding import find_wrong
from rewards.services.demo import collecting
from rewards.services.programmes import default_programme
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.shop import Shop
from tests.rewards.stamp_tools import CUPS, SUM, books_agree, stamp_programme
from tests.rewards.till_client import Till, line, usd

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    rule_sets.forget()
    shop = Shop()
    shop.sells("drinks", "coffee", "tea")
    yield shop
    rule_sets.forget()


@pytest.fixture
def app():
    return Till("wallets:read", "stamps:write", "claims:write", "sales:read")


def books_are_right():
    return books_agree() and not any(finding.count for finding in audit_ledger())


def points_of(member):
    return sum(Wallet.objects.filter(member=member).values_list("posted", flat=True))


def card_of(app, member, code="cup"):
    cards = app.get(f"members/{member.public_id}/stamp-cards").json()["data"]
    [card] = [one for one in cards if one["programme"] == code]
    return card["stamps"], card["full_cards"]


def test_row_50_the_sixth_coffee_is_free_and_comes_back(shop, app):
    """Five stamps, one of them by hand, fill a card; its coupon pays a coffee; returns undo."""
    shop.publishes("cups", CUPS)
    free = {**collecting._free(), "goods": CUPS["goods"]}
    shop.publishes("free-coffee", free)
    stamp_programme(needed=5, reward_kind="next_coupon", reward_code="free-coffee", reward_amount=1)
    member = shop.card.member
    paid = shop.sell(line("coffee", 3_00, "3"))
    body = {"programme": "cup", "amount": 1, "reason": "forgot the phone", "reference": "1"}
    assert app.post(f"members/{member.public_id}/stamps", body).status_code == 201
    last = shop.sell(line("coffee", 3_00))
    assert card_of(app, member) == (0, 1)
    coupon = Coupon.objects.get(member=member)

    shop.take_back(last, line_1="1")
    coupon.refresh_from_db()
    assert (card_of(app, member), coupon.revoked_at is None) == ((4, 0), False)
    shop.sell(line("coffee", 3_00))
    fresh = Coupon.objects.get(member=member, revoked_at=None)
    free_one = shop.sell(line("coffee", 3_00), coupons=[fresh.code])

    assert free_one.total == 0
    shop.take_back(paid, line_1="3")  # the reward was used: three stamps are owed
    stamps, full = card_of(app, member)
    assert full == 1
    assert stamps < 0
    assert books_are_right()


def test_row_51_receipts_up_to_a_sum_and_one_that_is_claimed_later(shop, app):
    shop.publishes("sums", SUM)
    stamp_programme("hundred", needed=100_00, kind="sum")
    claims.change_terms(programme=default_programme(), terms={"is_open": True}, actor=SYSTEM)
    member = shop.card.member
    shop.sell(line("tea", 70_00))
    forgotten = shop.sell(line("tea", 40_00), card=False)
    receipt = Receipt.objects.get(public_id=forgotten.body["id"])
    shown = {"store": "S1", "number": receipt.number, "total": usd(40_00)}

    claimed = app.post(f"members/{member.public_id}/claims", shown)
    stranger = app.post(f"members/{MemberFactory().public_id}/claims", shown)

    assert (claimed.status_code, claimed.json()["points"]) == (201, 40)
    assert stranger.json()["code"] == "receipt_unknown"
    assert card_of(app, member, "hundred") == (10_00, 1)
    assert points_of(member) == 110 + 50
    shop.take_back(forgotten, line_1="1")
    assert card_of(app, member, "hundred") == (70_00, 0)
    assert points_of(member) == 70
    assert books_are_right()


def test_a_challenge_to_its_reward_and_back(shop):
    challenge = Challenge.objects.create(
        programme=default_programme(), code="three", name="Three visits", metric="purchases",
        starts_on=clock.now().date(),
    )  # fmt: skip
    ChallengeStep.objects.create(
        challenge=challenge, target=3, reward_kind="points", reward_amount=30
    )
    sold = [shop.sell(line("tea", 10_00)) for _ in range(3)]
    while outbox.drain():
        pass
    assert points_of(shop.card.member) == 60

    for one in sold:
        shop.take_back(one, line_1="1")
    while outbox.drain():
        pass

    assert points_of(shop.card.member) == 0
    assert find_wrong(challenge) == []
    assert books_are_right()


def test_the_demo_shop_has_something_to_collect(app):
    make_programme()
    members = [MemberFactory() for _ in range(6)]
    for _ in range(2):
        collecting.make_collecting(clock.now(), SYSTEM)
    cards = [card_of(app, one, "sixth-coffee") for one in members]
    assert cards == [(1, 0), (4, 0), (3, 0), (2, 0), (2, 0), (1, 1)]
    assert books_are_right()
