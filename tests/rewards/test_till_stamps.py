"""Stamp cards and late claims through the web till."""

from __future__ import annotations

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt
from rewards.models import ManualStamp, ReceiptClaim
from rewards.services import claims
from rewards.services.programmes import default_programme
from tests.factories.members import StoreFactory, TerminalFactory
from tests.rewards.shop import Shop
from tests.rewards.stamp_tools import CUPS, cards_of, stamp_programme, stamps_of
from tests.rewards.till_client import line
from tests.till import Till, make_staff

KEY = "0190c0de-0000-7000-8000-00000000000{}"


@pytest.fixture
def shop(db):
    shop = Shop(store=StoreFactory(code="S1", name="Corner"))
    shop.sells("drinks", "coffee", "tea")
    shop.publishes("cups", CUPS)
    return shop


@pytest.fixture
def till(shop):
    till = Till(user=make_staff("anna"), terminal=TerminalFactory(store=shop.store))
    till.scan(shop.card.number)
    return till


def stamp(till, number, **said):
    return till.post(
        "stamp",
        **{"key": KEY.format(number), "programme": "cup", "amount": 1, "reason": "torn", **said},
    )


def test_the_page_draws_the_cards_and_says_what_is_full(shop, till):
    stamp_programme(reward_kind="next_coupon", reward_code="cups", reward_amount=1, needed=3)
    shop.sell(line("coffee", 1_00, "4"))
    page = till.get("stamps").content.decode()
    assert page.count("<circle") == 3
    assert "1 / 3" in page
    assert "is full" in page
    panel = till.get("stamps-panel", shop.card.member.public_id).content.decode()
    assert "<circle" in panel


def test_a_stamp_by_hand_once_however_often_it_is_sent(shop, till):
    stamp_programme()
    assert stamp(till, 1).status_code == 200
    stamp(till, 1)
    made = ManualStamp.objects.get()
    assert (made.store, made.actor, stamps_of(shop.card.member)) == (
        shop.store, f"user:{till.user.pk}", 1,
    )  # fmt: skip
    assert stamp(till, 2, reason="").status_code == 422
    refused = stamp(till, 3, amount=9)
    assert refused.status_code == 422
    assert "Only 2 more" in refused.content.decode()


def test_without_a_member_there_is_nothing_to_stamp(shop):
    till = Till(user=make_staff("boris"), terminal=TerminalFactory(store=shop.store))
    stamp_programme()
    assert "No member" in till.get("stamps").content.decode()
    assert stamp(till, 1).status_code == 302
    assert till.post("claim", number="1").status_code == 302


def test_a_receipt_is_claimed_by_number_and_by_code(shop, till):
    stamp_programme()
    claims.change_terms(programme=default_programme(), terms={"is_open": True}, actor=SYSTEM)
    numbers = [shop.sell(line("coffee", 1_00, "2"), card=False).body for _ in range(2)]
    first, second = (Receipt.objects.get(public_id=one["id"]) for one in numbers)

    done = till.post("claim", key=KEY.format(1), number=first.number, total="2.00")
    coded = till.post("claim", key=KEY.format(2), number=f"R:{second.public_id}", total="")

    assert (done.status_code, coded.status_code) == (200, 200)
    assert "2 points" in done.content.decode()
    assert stamps_of(shop.card.member) == 4
    assert ReceiptClaim.objects.filter(state="granted").count() == 2
    assert cards_of(shop.card.member) == 0


def test_claims_that_cannot_be(shop, till, settings):
    stamp_programme()
    assert "Claim a receipt" not in till.get("stamps").content.decode()
    claims.change_terms(programme=default_programme(), terms={"is_open": True}, actor=SYSTEM)
    sold = shop.sell(line("coffee", 1_00), card=False, cashier="anna")
    receipt = Receipt.objects.get(public_id=sold.body["id"])
    for number, typed in enumerate(({"number": "x"}, {"number": "x", "total": "abc"}, {})):
        answer = till.post("claim", key=KEY.format(number), **typed)
        assert answer.status_code == 422
    own = till.post("claim", key=KEY.format(5), number=receipt.number, total="1.00")
    assert "second person" in own.content.decode()
    assert ReceiptClaim.objects.get().flags == ["same_cashier"]
    for _ in range(settings.GUESSES_PER_MINUTE):
        till.post("claim", key=KEY.format(6), number="nothing", total="1.00")
    locked = till.post("claim", key=KEY.format(7), number=receipt.number, total="1.00")
    assert locked.status_code == 422
