"""When two members' wallets become one, coupons and the better tier follow, and go back again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.errors import OpenHolds
from rewards.models import (
    AwardBalance,
    AwardMove,
    Coupon,
    CouponTally,
    TierEvaluation,
    TierMembership,
    TierStructure,
)
from rewards.services import tiers
from rewards.services.coupons.issuing import issue_coupon
from rewards.services.ledger import merge_wallets, unmerge_wallets
from rewards.services.tiers.ladders import Step
from tests.concurrency import race
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory, event
from tests.rewards.coupon_tools import coupon_promotion, disagreeing, one_code
from tests.rewards.till_client import ALL, Till, basket, line, purchase

pytestmark = pytest.mark.django_db

TEA = line("tea", 10_00)
STEPS = [Step("base", "Base", 0), Step("silver", "Silver", 10_000), Step("gold", "Gold", 50_000)]


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def shop(programme):
    coupon_promotion(programme)
    return StoreFactory(code="S1")


@pytest.fixture
def cards(shop, programme):
    cards = [CardFactory(), CardFactory()]
    for card in cards:
        WalletFactory(member=card.member, programme=programme)
    return cards


@pytest.fixture
def till(shop):
    return Till(*ALL)


def wallets(cards):
    return [card.member.wallets.get(kind="points") for card in cards]


def merge(cards):
    giver, taker = wallets(cards)
    merge_wallets(source=giver, survivor=taker, event=event("merge"))


def undo(cards):
    unmerge_wallets(source=wallets(cards)[0], event=event("unmerge"))


def issued(card, ref):
    return issue_coupon(
        promotion="half", member_id=card.member_id, source="t", source_ref=ref, actor=SYSTEM
    )


def told(till, shop, card, code):
    quoted = till.post("quotes", basket(shop, TEA, card=card, coupons=[code]), key=None)
    return quoted.json()["coupons"][0]["status"]


def buy(till, shop, card, number, code):
    body = purchase(shop, number, TEA, coupons=[code], member={"card": card.number})
    return till.post("purchases", body)


def test_a_personal_coupon_follows_and_goes_back(till, shop, cards):
    giver, taker = cards
    coupon = issued(giver, "1")
    assert told(till, shop, taker, coupon.code) == "refused"

    merge(cards)
    assert told(till, shop, taker, coupon.code) == "applied"

    undo(cards)
    assert told(till, shop, taker, coupon.code) == "refused"
    assert told(till, shop, giver, coupon.code) == "applied"


def test_what_is_over_stays_and_what_the_survivor_used_goes_back_spent(till, shop, cards):
    giver, taker = cards
    fresh, revoked = issued(giver, "1"), issued(giver, "2")
    ended = issued(giver, "3")
    Coupon.objects.filter(pk=revoked.pk).update(revoked_at=clock.now())
    Coupon.objects.filter(pk=ended.pk).update(valid_until=clock.now() - timedelta(days=1))

    merge(cards)
    assert list(Coupon.objects.filter(member=taker.member)) == [fresh]
    assert buy(till, shop, taker, "R-1", fresh.code).status_code == 201
    undo(cards)

    fresh.refresh_from_db()
    assert (fresh.member_id, fresh.uses) == (giver.member_id, 1)
    assert disagreeing() == []


def test_what_a_member_may_use_is_counted_together_and_apart_again(till, shop, cards):
    giver, taker = cards
    code = one_code(code="TWICE", uses_per_code=100, uses_per_member=2).code
    sold = buy(till, shop, giver, "R-1", code).json()
    assert buy(till, shop, taker, "R-2", code).status_code == 201

    merge(cards)
    assert disagreeing() == []
    assert {told(till, shop, card, code) for card in cards} == {"refused"}
    assert buy(till, shop, giver, "R-3", code).status_code == 422

    # A return of before the merge frees a use of the survivor, and that is used up again.
    till.post(f"purchases/{sold['id']}/refunds", {"number": "B-1"})
    assert disagreeing() == []
    assert buy(till, shop, giver, "R-4", code).status_code == 201
    assert disagreeing() == []

    undo(cards)
    assert disagreeing() == []
    uses = CouponTally.objects.order_by("uses").values_list("member_id", "uses")
    assert dict(uses) == {giver.member_id: 0, taker.member_id: 2}


def test_a_reserved_coupon_stops_the_merge(till, shop, cards):
    giver, _ = cards
    body = basket(shop, TEA, card=giver, coupons=[issued(giver, "1").code], reserve=True)
    assert till.post("quotes", body).status_code == 200

    with pytest.raises(OpenHolds):
        merge(cards)
    assert Coupon.objects.get().member_id == giver.member_id


@pytest.mark.django_db(transaction=True)
def test_a_coupon_is_used_before_the_merge_or_after_it_and_never_lost(till, shop, cards):
    giver, taker = cards
    coupon = issued(giver, "1")

    done = race(
        [
            lambda: merge(cards),
            lambda: buy(Till(token=till.token), shop, giver, "R-1", coupon.code).status_code,
        ]
    )

    assert not done.errors
    coupon.refresh_from_db()
    assert coupon.uses <= 1
    assert coupon.member_id in (giver.member_id, taker.member_id)
    assert disagreeing() == []


# Tiers


@pytest.fixture
def ladder(programme):
    structure = TierStructure(
        programme=programme, code="club", name="Club", is_primary=True, landing="one_step"
    )
    return tiers.save_structure(structure=structure, steps=STEPS, actor=SYSTEM)


def grant(ladder, card, code, days=100):
    tiers.grant_tier(
        structure=ladder, member=card.member, code=code, until=clock.now() + timedelta(days=days),
        reason="test", actor=SYSTEM,
    )  # fmt: skip


def standing(card):
    found = TierMembership.objects.filter(member=card.member).select_related("tier").first()
    return (found.tier.code, found.valid_until, found.is_granted) if found else None


@pytest.mark.parametrize(
    ("own", "brought", "stays"),
    [("base", "gold", "gold"), ("gold", "base", "gold"), (None, "silver", "silver"),
     ("silver", None, "silver")],
)  # fmt: skip
def test_the_better_tier_stays_and_the_old_one_comes_back(ladder, cards, own, brought, stays):
    giver, taker = cards
    for card, code in ((giver, brought), (taker, own)):
        if code:
            grant(ladder, card, code)
    before = [standing(card) for card in cards]

    merge(cards)
    assert standing(taker)[0] == stays
    assert standing(giver) == before[0]
    merges = TierEvaluation.objects.filter(cause="merged")
    assert merges.count() == (stays != own)
    assert all(one.reason.startswith("merge of ") for one in merges)

    undo(cards)
    assert [standing(card) for card in cards] == before


def test_of_equal_tiers_the_one_that_lasts_longer_stays(ladder, cards):
    grant(ladder, cards[0], "silver", days=200)
    grant(ladder, cards[1], "silver", days=100)

    merge(cards)

    assert standing(cards[1]) == standing(cards[0])


def test_what_was_decided_since_stays(ladder, cards):
    grant(ladder, cards[0], "silver")
    merge(cards)
    grant(ladder, cards[1], "gold")

    undo(cards)

    assert standing(cards[1])[0] == "gold"
    assert not TierEvaluation.objects.filter(cause="parted").exists()


# Stamps, plays and tickets


def put(member, kind, amount, reason="test"):
    AwardMove.objects.create(member=member, kind=kind, code="x", amount=amount, reason=reason)


def balances(cards, kind):
    held = AwardBalance.objects.filter(kind=kind, code="x")
    by_member = dict(held.values_list("member_id", "balance"))
    return [by_member.get(card.member_id, 0) for card in cards]


def test_stamps_plays_and_tickets_follow_and_go_back_as_far_as_they_are_there(cards):
    giver, taker = (card.member for card in cards)
    for kind, brought, own in (("stamps", 4, 3), ("game_plays", 2, 0), ("draw_tickets", -1, 5)):
        put(giver, kind, brought)
        if own:
            put(taker, kind, own)
    merge(cards)
    assert [balances(cards, kind) for kind in ("stamps", "game_plays", "draw_tickets")] == [
        [0, 7], [0, 2], [0, 4],
    ]  # fmt: skip
    put(taker, "game_plays", -1)
    put(taker, "stamps", -6)
    undo(cards)
    # Of seven stamps one was left; of two plays one; the debt of a ticket goes back whole.
    assert [balances(cards, kind) for kind in ("stamps", "game_plays", "draw_tickets")] == [
        [1, 0], [1, 0], [-1, 5],
    ]  # fmt: skip


def test_what_went_back_once_follows_a_second_merge(cards):
    put(cards[0].member, "stamps", 4)
    merge(cards)
    undo(cards)
    assert balances(cards, "stamps") == [4, 0]
    giver, taker = wallets(cards)
    merge_wallets(source=giver, survivor=taker, event=event("merge"))
    assert balances(cards, "stamps") == [0, 4]
    unmerge_wallets(source=wallets(cards)[0], event=event("unmerge"))
    assert balances(cards, "stamps") == [4, 0]
