"""Stamp cards: stamps of sales fill them, a full card rewards once, returns take it back."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import AuditEntry, OutboxEvent
from rewards.errors import OwnApproval, StampLimit, StampTermsInvalid
from rewards.models import Coupon, ManualStamp, StampCard, Wallet
from rewards.services.stamps import books, by_hand, settling
from rewards.services.stamps.ageing import expire_stamps
from tests.concurrency import race
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.shop import Shop, days_ago
from tests.rewards.stamp_tools import (
    CUPS,
    SUM,
    books_agree,
    cards_of,
    stamp_programme,
    stamps_of,
)
from tests.rewards.till_client import line

ANNA, BORIS = Actor("user", "1"), Actor("user", "2")


@pytest.fixture
def shop(db):
    shop = Shop()
    shop.sells("drinks", "coffee", "tea")
    shop.publishes("cups", CUPS)
    return shop


def points_of(member):
    return sum(Wallet.objects.filter(member=member).values_list("posted", flat=True))


def coffees(shop, pieces, **details):
    return shop.sell(line("coffee", 1_00, str(pieces)), **details)


def by_hand_(programme, member, amount, ref="r", actor=ANNA):
    return by_hand.stamp_by_hand(
        programme=programme, member=member, amount=amount, reason="torn", reference=ref, actor=actor
    )


def test_the_tenth_stamp_gives_the_reward_and_surplus_goes_on(shop):
    stamp_programme()
    coffees(shop, 9)
    member = shop.card.member
    assert (stamps_of(member), cards_of(member), points_of(member)) == (9, 0, 9)

    shop.sell(line("coffee", 1_00, "3"), line("tea", 5_00, "1"))

    assert (stamps_of(member), cards_of(member)) == (2, 1)
    assert points_of(member) == 9 + 8 + 50
    assert books_agree()
    told = OutboxEvent.objects.get(kind="stamp_card.completed")
    assert told.data == {"programme": "cup", "number": 1}


def test_one_receipt_fills_several_cards_up_to_the_members_limit(shop):
    stamp_programme(cards_per_member=3)
    coffees(shop, 45)
    member = shop.card.member
    assert (stamps_of(member), cards_of(member)) == (15, 3)
    coffees(shop, 5)
    assert (stamps_of(member), cards_of(member)) == (20, 3)


def test_surplus_is_lost_where_the_programme_says_so_and_covers_a_return(shop):
    stamp_programme(carry_over=False)
    member = shop.card.member
    sold = coffees(shop, 14)
    assert (stamps_of(member), cards_of(member)) == (0, 1)

    shop.take_back(sold, line_1="3")
    assert (stamps_of(member), cards_of(member)) == (0, 1)  # 4 were lost, 3 of them are made up for
    shop.take_back(sold, line_1="2")
    assert (stamps_of(member), cards_of(member), cards_of(member, "undone")) == (9, 0, 1)
    assert points_of(member) == 9


def test_a_return_undoes_the_card_and_takes_the_reward_back(shop):
    stamp_programme()
    member = shop.card.member
    coffees(shop, 8)
    sold = coffees(shop, 3)
    assert (stamps_of(member), cards_of(member), points_of(member)) == (1, 1, 61)

    shop.take_back(sold, line_1="1")  # 1 left: the card stands
    assert (stamps_of(member), cards_of(member)) == (0, 1)
    shop.take_back(sold, line_1="1")
    assert (stamps_of(member), cards_of(member), points_of(member)) == (9, 0, 9)
    assert books_agree()

    coffees(shop, 1)
    assert (stamps_of(member), cards_of(member), points_of(member)) == (0, 1, 60)
    assert StampCard.objects.get(state="full").number == 2


@pytest.mark.parametrize(("after_use", "left"), [("debt", -1), ("forgive", 0)])
def test_a_used_reward_leaves_the_card_full(shop, after_use, left):
    stamp_programme(needed=5, reward_kind="next_coupon", reward_code="cups",
                    reward_amount=1, after_use=after_use)  # fmt: skip
    sold = coffees(shop, 5)
    coupon = Coupon.objects.get(source__startswith="award:")
    Coupon.objects.filter(pk=coupon.pk).update(uses=1)

    shop.take_back(sold, line_1="1")

    assert (stamps_of(shop.card.member), cards_of(shop.card.member)) == (left, 1)


def test_an_unused_coupon_ends_with_its_card(shop):
    stamp_programme(needed=5, reward_kind="next_coupon", reward_code="cups", reward_amount=2)
    sold = coffees(shop, 5)
    assert Coupon.objects.filter(revoked_at=None, member=shop.card.member).count() == 2

    shop.take_back(sold, line_1="1")

    assert not Coupon.objects.filter(revoked_at=None).exists()
    assert cards_of(shop.card.member, "undone") == 1


def test_receipts_up_to_a_sum(shop):
    stamp_programme("hundred", needed=100_00, kind="sum")
    shop.publishes("sums", SUM)
    member = shop.card.member
    shop.sell(line("tea", 60_00))
    sold = shop.sell(line("tea", 50_00))
    assert (stamps_of(member, "hundred"), cards_of(member)) == (10_00, 1)

    shop.take_back(sold, line_1="1")

    assert (stamps_of(member, "hundred"), cards_of(member)) == (60_00, 0)
    assert books_agree()


def test_stamps_grow_old_oldest_first_and_never_twice(shop):
    programme = stamp_programme(stamp_days=30)
    member = shop.card.member
    old = coffees(shop, 6, occurred_at=days_ago(40))
    assert expire_stamps(as_of=clock.now()) == 6
    coffees(shop, 5, occurred_at=days_ago(20))
    coffees(shop, 2)
    soonest = books.ageing([programme], member.pk)["cup"]
    assert (soonest.stamps, (soonest.last_day - clock.now().date()).days) == (5, 10)

    later = clock.now() + timedelta(days=11)
    assert expire_stamps(as_of=later) == 5
    assert expire_stamps(as_of=later) == 0
    assert stamps_of(member) == 2
    shop.take_back(old, line_1="6")
    assert stamps_of(member) == 2  # what had grown old is not taken a second time


def test_stamps_that_filled_a_card_do_not_grow_old(shop):
    stamp_programme(stamp_days=30)
    member = shop.card.member
    coffees(shop, 9, occurred_at=days_ago(29))
    coffees(shop, 4)
    assert (stamps_of(member), cards_of(member)) == (3, 1)

    assert expire_stamps(as_of=clock.now() + timedelta(days=20)) == 0
    assert stamps_of(member) == 3


def test_stamps_by_hand_need_a_reason_keep_the_limit_and_leave_a_trace(shop):
    programme = stamp_programme()
    member = shop.card.member

    first = by_hand_(programme, member, 2)
    again = by_hand_(programme, member, 2)

    assert first.pk == again.pk
    assert (first.state, stamps_of(member)) == ("done", 2)
    trace = AuditEntry.objects.get(action="stamps.by_hand")
    assert (trace.actor, trace.reason) == ("user:1", "torn")
    with pytest.raises(StampLimit) as refusal:
        by_hand_(programme, member, 2, ref="s", actor=BORIS)
    assert refusal.value.detail["max"] == 1
    with pytest.raises(StampLimit):
        by_hand_(programme, member, -3, ref="t")
    by_hand_(programme, member, -2, ref="u")
    assert stamps_of(member) == 0


def test_many_stamps_by_hand_wait_for_a_second_person(shop):
    programme = stamp_programme(needed=3)
    member = shop.card.member
    asked = by_hand_(programme, member, 3)
    assert (asked.state, stamps_of(member)) == ("waiting", 0)

    with pytest.raises(OwnApproval):
        by_hand.decide(asked=asked, agree=True, actor=ANNA)
    by_hand.decide(asked=asked, agree=True, actor=BORIS)

    assert (stamps_of(member), cards_of(member), points_of(member)) == (0, 1, 50)
    with pytest.raises(IntegrityError, match="manual_stamp_second_person"), transaction.atomic():
        ManualStamp.objects.create(
            programme=programme, member=member, amount=1, reason="x", reference="y",
            actor="user:1", decided_by="user:1", state="done", day=clock.now().date(),
        )  # fmt: skip


def test_terms_that_cannot_be_are_refused(shop):
    with pytest.raises(StampTermsInvalid):
        stamp_programme(reward_kind="next_coupon", reward_code="nothing")
    with pytest.raises(StampTermsInvalid):
        stamp_programme(reward_kind="stamps", reward_code="cup")
    stamp_programme()
    with pytest.raises(StampTermsInvalid) as refusal:
        stamp_programme()
    assert refusal.value.detail["errors"][0]["code"] == "taken"


def test_full_cards_are_history(shop):
    stamp_programme(needed=1)
    coffees(shop, 1)
    card = StampCard.objects.get()
    for change in (card.delete, lambda: StampCard.objects.update(stamps=0)):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


# Races


def stamp(programme, member, ref):
    return by_hand_(programme, member, 1, ref=ref, actor=Actor("user", ref))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("have", "cards"), [(9, 1), (19, 2)])
def test_parallel_stamps_fill_each_card_once(have, cards):
    """8 people stamp at once: 9 → 17 is one card, 19 → 27 crosses once more."""
    make_programme()
    programme, member = stamp_programme(manual_per_day=1000, manual_direct=1000), MemberFactory()
    by_hand_(programme, member, have)

    raced = race([partial(stamp, programme, member, f"till-{n}") for n in range(8)])

    assert raced.overlap > 1
    assert not raced.errors
    assert (cards_of(member), stamps_of(member)) == (cards, have + 8 - cards * 10)
    assert points_of(member) == cards * 50
    assert books_agree()


def over_twenty(programme, member, ref):
    """2 stamps at once: 19 → 21."""
    return by_hand_(programme, member, 2, ref=ref, actor=Actor("user", ref))


@pytest.mark.django_db(transaction=True)
def test_crossing_twice_gives_as_many_rewards_as_cards():
    make_programme()
    programme, member = stamp_programme(manual_per_day=1000, manual_direct=1000), MemberFactory()
    by_hand_(programme, member, 9)

    race([partial(over_twenty, programme, member, f"till-{n}") for n in range(6)])

    assert (cards_of(member), stamps_of(member)) == (2, 1)  # 9 + 12 = 21


@pytest.mark.django_db(transaction=True)
def test_a_balance_read_before_the_stamp_would_reward_too_often(monkeypatch):
    """The negative control: without the wallet's lock, and with the balance of before the stamp's
    own move, every till thinks that its stamp was the tenth."""
    make_programme()
    programme, member = stamp_programme(manual_per_day=1000, manual_direct=1000), MemberFactory()
    by_hand_(programme, member, 9)
    everybody_has_read, newest = threading.Barrier(4), books.balance_of

    def read_too_early(wallet_id):
        seen = newest(member.pk, "cup")
        everybody_has_read.wait(10)
        early.seen = seen
        return SimpleNamespace(status="active")

    early = threading.local()
    monkeypatch.setattr(by_hand, "lock_wallet", read_too_early)
    monkeypatch.setattr(settling.books, "balance_of", lambda *_: early.seen + 1)

    race([partial(stamp, programme, member, f"till-{n}") for n in range(4)])

    assert cards_of(member) == 4
    assert newest(member.pk, "cup") < 0
