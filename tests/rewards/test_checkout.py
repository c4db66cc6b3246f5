"""Quote, commit, refund and void as services: hand-computed figures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import SourceRefConflict
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Card, Receipt
from rewards.errors import (
    CardBlocked,
    InsufficientPoints,
    LimitExceeded,
    MemberUnknown,
    PurchaseVoided,
    QuoteStale,
    RefundExceedsOriginal,
    TendersMismatch,
    VoidWindowClosed,
)
from rewards.models import EarnCarry, Lot, PendingGrant, Purchase, Wallet
from rewards.services import rule_sets
from rewards.services.checkout.asks import AskedReturn, RefundAsk
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.quoting import make_quote, reserve_quote
from rewards.services.checkout.refunding import refund_purchase
from rewards.services.ledger import merge_wallets
from tests.factories.members import CardFactory, ProductFactory, StoreFactory
from tests.factories.promotions import (
    NOON,
    TILL,
    ask_for,
    asked,
    make_programme,
    make_promotion,
    sale_of,
)
from tests.factories.rewards import event

pytestmark = pytest.mark.django_db


def sell(ask, number="R-1", paid=None, actor=TILL, **details):
    return commit_purchase(
        sale=sale_of(ask, number, paid, **details),
        compiled=rule_sets.current(),
        now=NOON,
        actor=actor,
    )


def give_back(purchase, number="B-1", now=NOON, **what):
    return refund_purchase(
        public_id=purchase.view.id,
        ask=RefundAsk(store="", number=number, occurred_at=now, **what),
        programme=rule_sets.current().programme,
        now=now,
        actor=TILL,
    )


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory()


@pytest.fixture
def card():
    return CardFactory()


def test_a_sale_is_a_receipt_points_and_an_event(shop, card):
    product = ProductFactory(sku="tea")

    done = sell(ask_for(shop, asked(1, "tea", 2_50, 2), asked(2, "gift bag", 99), card=card))

    receipt = Receipt.objects.get(public_id=done.view.id)
    assert (receipt.total_minor, receipt.member_id) == (5_99, card.member_id)
    assert [line.product_id for line in receipt.lines.order_by("line_no")] == [product.pk, None]
    wallet = Wallet.objects.get(member=card.member)
    assert (wallet.posted, done.balance, done.view.earned) == (5, 5, 5)
    purchase = Purchase.objects.get(receipt=receipt)
    assert purchase.tx.op == "purchase"
    assert {event.kind for event in OutboxEvent.objects.all()} >= {
        "transaction.closed",
        "points.earned",
    }


def test_a_quote_says_what_the_sale_will_do(shop, card):
    ask = ask_for(shop, asked(1, "tea", 10_00), card=card)
    quoted = make_quote(ask=ask, compiled=rule_sets.current(), now=NOON, actor=TILL)

    done = sell(ask, quote_id=quoted.quote_id)

    assert quoted.points.earn == done.view.earned == 10
    assert quoted.totals.total.amount == done.view.total_minor == 10_00
    assert quoted.decisions[0].text == "Base earning rule: 10 points"


def test_a_quote_writes_nothing(shop, card, django_assert_num_queries):
    ask = ask_for(shop, asked(1, "tea", 10_00), card=card)
    compiled = rule_sets.current()

    with django_assert_num_queries(1):
        make_quote(ask=ask, compiled=compiled, now=NOON, actor=TILL)

    assert not Wallet.objects.exists()


def test_points_pay_and_only_money_earns(shop, card):
    sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")

    done = sell(ask_for(shop, asked(1, "tea", 10_00), card=card, redeem_points=80), "R-2", 9_20)

    # 80 points are 0.80; 9.20 of money earns 9.
    assert (done.view.total_minor, done.view.earned, done.view.redeemed) == (9_20, 9, 80)
    assert done.balance == 100 - 80 + 9


def test_more_points_than_there_are_is_refused(shop, card):
    sell(ask_for(shop, asked(1, "tea", 30_00), card=card), "R-1")

    with pytest.raises(InsufficientPoints) as refusal:
        sell(ask_for(shop, asked(1, "tea", 30_00), card=card, redeem_points=31), "R-2")

    assert refusal.value.detail == {"available": 30, "requested": 31}
    assert Receipt.objects.count() == 1


def test_more_points_than_the_receipt_takes_is_refused(shop, card):
    sell(ask_for(shop, asked(1, "tea", 300_00), card=card), "R-1")

    with pytest.raises(LimitExceeded) as refusal:
        sell(ask_for(shop, asked(1, "tea", 1_00), card=card, redeem_points=60), "R-2")

    assert (refusal.value.detail["max"], refusal.value.detail["bound"]) == (50, "share")


def test_tenders_that_do_not_pay_the_total_are_refused(shop):
    with pytest.raises(TendersMismatch):
        sell(ask_for(shop, asked(1, "tea", 10_00)), paid=9_99)

    assert not Receipt.objects.exists()


def test_a_rule_that_changed_since_the_quote_stops_the_sale_with_a_fresh_quote(shop, card):
    ask = ask_for(shop, asked(1, "tea", 10_00), card=card)
    quoted = make_quote(ask=ask, compiled=rule_sets.current(), now=NOON, actor=TILL)
    double = {"kind": "earn_rate", "points": 2, "per_minor": 100}
    make_promotion(
        rule_sets.current().programme, "double", double, goods={"include": {"skus": ["tea"]}}
    )

    with pytest.raises(QuoteStale) as refusal:
        sell(ask, quote_id=quoted.quote_id)

    fresh = refusal.value.detail["quote"]
    assert fresh.points.earn == 20
    assert sell(ask, quote_id=fresh.quote_id).view.earned == 20


def test_points_spent_since_the_quote_stop_the_sale(shop, card):
    sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")
    ask = ask_for(shop, asked(1, "tea", 10_00), card=card, redeem_points=80)
    quoted = make_quote(ask=ask, compiled=rule_sets.current(), now=NOON, actor=TILL)
    sell(ask_for(shop, asked(1, "rice", 10_00), card=card, redeem_points=60), "R-2")

    with pytest.raises(QuoteStale):
        sell(ask, "R-3", quote_id=quoted.quote_id)


def test_another_basket_is_not_the_quoted_one(shop, card):
    quoted = make_quote(
        ask=ask_for(shop, asked(1, "tea", 10_00), card=card),
        compiled=rule_sets.current(),
        now=NOON,
        actor=TILL,
    )

    with pytest.raises(QuoteStale):
        sell(ask_for(shop, asked(1, "rice", 10_00), card=card), quote_id=quoted.quote_id)


def test_a_known_number_with_the_same_content_answers_with_the_sale(shop, card):
    ask = ask_for(shop, asked(1, "tea", 10_00), card=card)
    first = sell(ask)

    again = sell(ask)

    assert (again.is_duplicate, again.view.id) == (True, first.view.id)
    assert Wallet.objects.get().posted == 10
    with pytest.raises(SourceRefConflict):
        sell(ask_for(shop, asked(1, "tea", 11_00), card=card))


@pytest.mark.parametrize("status", [Card.Status.PREPARED, Card.Status.ISSUED])
def test_a_card_that_is_not_active_earns_and_cannot_pay(shop, status):
    card = CardFactory(status=status)
    sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")

    with pytest.raises(LimitExceeded) as refusal:
        sell(ask_for(shop, asked(1, "tea", 10_00), card=card, redeem_points=1), "R-2")

    assert Wallet.objects.get().posted == 100
    assert refusal.value.detail["bound"] == "card_not_active"


def test_a_blocked_card_does_nothing_and_only_readers_of_members_hear_why(shop):
    card = CardFactory(status=Card.Status.BLOCKED)

    with pytest.raises(MemberUnknown):
        sell(ask_for(shop, asked(1, "tea", 10_00), card=card))
    with pytest.raises(CardBlocked):
        sell(ask_for(shop, asked(1, "tea", 10_00), card=card), actor=SYSTEM)


def test_a_replaced_card_leads_to_its_successor(shop, card):
    Card.objects.filter(pk=card.pk).update(status=Card.Status.BLOCKED, reason="lost")
    successor = CardFactory(member=card.member)
    Card.objects.filter(pk=card.pk).update(status=Card.Status.REPLACED, replaced_by=successor)

    sell(ask_for(shop, asked(1, "tea", 10_00), card=card))

    assert Receipt.objects.get().card_id == successor.pk


def test_a_sale_of_nobody_keeps_its_decisions(shop):
    done = sell(ask_for(shop, asked(1, "tea", 10_00)))

    purchase = Purchase.objects.get()
    assert (purchase.wallet_id, done.balance, done.view.earned) == (None, None, 0)
    assert [decision["reason"] for decision in purchase.decisions] == ["no_member"]


def test_points_wait_for_their_day(shop, card):
    programme = rule_sets.current().programme
    type(programme).objects.update(activation_delay_days=14)

    done = sell(ask_for(shop, asked(1, "tea", 10_00), card=card))

    grant = PendingGrant.objects.get()
    assert (grant.amount, done.balance) == (10, 0)
    assert grant.available_at.isoformat() == "2026-03-18T00:00:00+00:00"
    assert Purchase.objects.get().pending_id == grant.pk


def test_remainders_are_carried_to_the_next_purchase(card):
    make_programme(rounding="carry")
    shop = StoreFactory()

    earned = [
        sell(ask_for(shop, asked(1, "tea", 60), card=card), f"R-{n}").view.earned
        for n in range(1, 6)
    ]

    assert earned == [0, 1, 0, 1, 1]  # 0.60 1.20 1.80 2.40 3.00
    assert EarnCarry.objects.get().units == 0


def test_a_refund_takes_back_what_the_goods_earned(shop, card):
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 3), asked(2, "rice", 5_00), card=card))

    done = give_back(sold, lines=(AskedReturn(line_no=1, quantity_milli=1000),))

    assert (done.refund.net_minor, done.refund.points_taken_back) == (10_00, 10)
    assert done.purchase.state == "partly_returned"
    assert Wallet.objects.get().posted == 25


def test_spent_points_return_to_their_lots(shop, card):
    sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card, redeem_points=100), "R-2")
    assert Wallet.objects.get().posted == 0 + 19

    done = give_back(sold, lines=(AskedReturn(line_no=1, quantity_milli=1000),))

    # Half of the goods: 10.00, of which points paid 0.50 and money 9.50.
    assert (done.refund.money_minor, done.refund.points_given_back) == (9_50, 50)
    # 9.50 of money are kept and deserve 9 of the 19 points.
    assert done.refund.points_taken_back == 10
    assert Wallet.objects.get().posted == 19 + 50 - 10


def test_an_amount_of_the_receipt_comes_back_spread_over_its_lines(shop, card):
    sold = sell(ask_for(shop, asked(1, "tea", 10_00), asked(2, "rice", 20_00), card=card))

    done = give_back(sold, amount_minor=3_00)

    assert [line.returned_minor for line in done.purchase.lines] == [1_00, 2_00]
    assert Wallet.objects.get().posted == 27


def test_never_more_comes_back_than_was_sold(shop, card):
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card))
    give_back(sold, "B-1", lines=(AskedReturn(line_no=1, quantity_milli=1000),))

    with pytest.raises(RefundExceedsOriginal) as refusal:
        give_back(sold, "B-2", lines=(AskedReturn(line_no=1, quantity_milli=1001),))

    assert refusal.value.detail == {"line": 1, "unit": "quantity", "left": 1000}
    give_back(sold, "B-3")
    with pytest.raises(RefundExceedsOriginal):
        give_back(sold, "B-4")


def test_a_refund_number_counts_once(shop, card):
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card))
    part = (AskedReturn(line_no=1, quantity_milli=1000),)
    first = give_back(sold, lines=part)

    again = give_back(sold, lines=part)

    assert (again.is_duplicate, again.refund.id) == (True, first.refund.id)
    assert Wallet.objects.get().posted == 10
    with pytest.raises(SourceRefConflict):
        give_back(sold, amount_minor=1)


def test_a_return_after_the_points_were_spent_leaves_a_debt(shop, card):
    sold = sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")
    sell(ask_for(shop, asked(1, "tea", 2_00), card=card, redeem_points=100), "R-2")

    give_back(sold)

    assert Wallet.objects.get().posted == -100 + 1
    assert not Lot.objects.filter(remaining__gt=0).exists()


def test_pending_points_die_with_their_purchase(shop, card):
    rule_sets.current().programme.__class__.objects.update(activation_delay_days=14)
    sold = sell(ask_for(shop, asked(1, "tea", 10_00), card=card))

    give_back(sold)

    assert PendingGrant.objects.get().cancelled == 10
    assert Wallet.objects.get().posted == 0


def test_a_void_undoes_the_whole_sale_of_the_same_day(shop, card):
    sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")
    sold = sell(ask_for(shop, asked(1, "tea", 10_00), card=card, redeem_points=100), "R-2")

    done = give_back(sold, "V-1", kind="void", now=NOON + timedelta(hours=11))

    assert done.purchase.state == "voided"
    assert Wallet.objects.get().posted == 100
    with pytest.raises(PurchaseVoided):
        give_back(sold, "B-1")


def test_no_void_after_midnight_of_the_store_or_after_a_refund(card):
    make_programme()
    shop = StoreFactory(time_zone="Asia/Vladivostok")  # UTC+10: noon in UTC is 22:00 there
    first = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card), "R-1")

    with pytest.raises(VoidWindowClosed):
        give_back(first, "V-1", kind="void", now=NOON + timedelta(hours=2))
    give_back(first, "B-1", lines=(AskedReturn(line_no=1, quantity_milli=1000),))
    with pytest.raises(VoidWindowClosed):
        give_back(first, "V-2", kind="void")


def test_reserved_points_wait_for_their_sale(shop, card):
    sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")
    ask = ask_for(shop, asked(1, "tea", 10_00), card=card, redeem_points=80)
    quoted = reserve_quote(
        ask=ask, compiled=rule_sets.current(), reference="q-1", now=NOON, actor=TILL
    )
    assert Wallet.objects.get().held == 80
    with pytest.raises(InsufficientPoints):
        sell(ask_for(shop, asked(1, "rice", 10_00), card=card, redeem_points=21), "R-2")

    done = sell(ask, "R-3", quote_id=quoted.quote_id, hold_id=quoted.hold.id)

    wallet = Wallet.objects.get()
    assert (wallet.posted, wallet.held) == (100 - 80 + 9, 0)
    give_back(done, "B-1")
    assert Wallet.objects.get().posted == 100


def test_a_merged_wallet_leads_to_the_one_that_took_it_over(shop, card):
    sell(ask_for(shop, asked(1, "tea", 100_00), card=card), "R-1")
    sold = sell(ask_for(shop, asked(1, "tea", 10_00, 2), card=card, redeem_points=100), "R-2")
    other = CardFactory()
    sell(ask_for(shop, asked(1, "tea", 50_00), card=other), "R-3")
    source, target = (Wallet.objects.get(member=each.member) for each in (card, other))
    merge_wallets(source=source, survivor=target, event=event("merge"))

    done = sell(ask_for(shop, asked(1, "tea", 10_00), card=card), "R-4")
    assert done.balance == 19 + 50 + 10
    give_back(sold)

    target.refresh_from_db()
    assert target.posted == 19 + 50 + 10 - 19 + 100


def test_the_remainder_of_a_return_follows_a_merged_wallet(card):
    make_programme(rounding="carry")
    shop, other = StoreFactory(), CardFactory()
    sold = sell(ask_for(shop, asked(1, "tea", 60), card=card), "R-1")
    sell(ask_for(shop, asked(1, "tea", 30), card=other), "R-2")
    source, target = (Wallet.objects.get(member=each.member) for each in (card, other))
    merge_wallets(source=source, survivor=target, event=event("merge"))

    give_back(sold)

    assert EarnCarry.objects.get(wallet=target).units == 30
