"""Late claims: once, inside the window, with exactly what the sale would have given."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Receipt
from rewards.errors import (
    ClaimLimit,
    ClaimsClosed,
    ClaimState,
    OwnApproval,
    ReceiptNotClaimable,
    ReceiptUnknown,
)
from rewards.models import Award, Promotion, Purchase, ReceiptClaim, Wallet
from rewards.services import claims, programmes, promotions, rule_sets
from rewards.services.audit_ledger import audit_ledger
from rewards.services.claims import Shown, claiming
from rewards.services.programmes import default_programme
from tests.concurrency import race
from tests.factories.members import CardFactory, MemberFactory
from tests.factories.promotions import make_promotion
from tests.rewards.shop import Shop, days_ago
from tests.rewards.stamp_tools import CUPS, cards_of, stamp_programme, stamps_of
from tests.rewards.till_client import line

ANNA, BORIS = Actor("user", "1", name="anna"), Actor("user", "2", name="boris")
APP = Actor("api_key", "app")


@pytest.fixture
def shop(db):
    return new_shop()


def new_shop():
    shop = Shop()
    shop.sells("drinks", "coffee", "tea")
    claims.change_terms(programme=default_programme(), terms={"is_open": True}, actor=SYSTEM)
    return shop


def sold_to_nobody(shop, *lines, **details):
    sold = shop.sell(*(lines or [line("coffee", 1_00, "4")]), card=False, **details)
    return Receipt.objects.get(public_id=sold.body["id"]), sold


def claim(receipt, member, actor=APP):
    return claims.claim_receipt(receipt=receipt, member=member, actor=actor)


def points_of(member):
    return sum(Wallet.objects.filter(member=member).values_list("posted", flat=True))


def test_gives_what_the_sale_would_have_given(shop):
    shop.publishes("cups", CUPS)
    shop.publishes("trees", {"effects": [{"kind": "charity", "code": "t", "amount_minor": 5}]})
    stamp_programme(needed=4)
    with_card = shop.sell(line("coffee", 1_00, "4"), line("tea", 7_00))
    receipt, _sold = sold_to_nobody(shop, line("coffee", 1_00, "4"), line("tea", 7_00))
    late = MemberFactory()

    done = claim(receipt, late)

    assert (done.state, done.points) == ("granted", with_card.points)
    assert points_of(late) == points_of(shop.card.member) == 11 + 50
    assert (cards_of(late), stamps_of(late)) == (1, 0)
    first, second = (Purchase.objects.get(receipt__public_id=one) for one in
                     (with_card.body["id"], receipt.public_id))  # fmt: skip
    by_effect = lambda one: sorted(one.pins, key=lambda pin: (pin["version_id"], pin["effect"]))  # noqa: E731
    assert by_effect(first) == by_effect(second)
    assert Award.objects.filter(purchase=second).count() == 2  # the pledge was not made twice
    assert OutboxEvent.objects.filter(kind="transaction.claimed").count() == 1


def test_goes_by_the_rules_and_terms_of_the_sale(shop):
    """What has ended since counts, what came since does not, and neither do new settings."""
    shop.publishes("then", fixed(5))
    receipt, _sold = sold_to_nobody(shop, line("tea", 10_50), occurred_at=days_ago(1))
    promotions.end(promotion=Promotion.objects.get(code="then"), actor=SYSTEM)
    make_promotion(default_programme(), "now", fixed(7)["effects"][0], starts_at=clock.now())
    programmes.update_programme(
        programme=default_programme(),
        changes={"rounding": "up"},
        version=default_programme().version,
        actor=SYSTEM,
    )
    rule_sets.forget()

    assert claim(receipt, MemberFactory()).points == 10 + 5


def fixed(points):
    return {"effects": [{"kind": "fixed_points", "points": points}]}


def test_returns_after_a_claim_work_as_after_any_sale(shop):
    shop.publishes("cups", CUPS)
    stamp_programme(needed=4)
    receipt, sold = sold_to_nobody(shop)
    late = MemberFactory()
    claim(receipt, late)

    back = shop.take_back(sold, line_1="1")

    assert back["points"] == 1
    assert (points_of(late), stamps_of(late), cards_of(late)) == (3, 3, 0)
    shop.take_back(sold, line_1="3")
    assert (points_of(late), stamps_of(late)) == (0, 0)
    assert all(finding.count == 0 for finding in audit_ledger())


def test_is_found_by_number_and_sum_or_by_its_code(shop):
    receipt, _sold = sold_to_nobody(shop)
    late, other = MemberFactory(), MemberFactory()
    at = receipt.occurred_at.strftime("%Y%m%dT%H%M")
    ways = [
        Shown(store="S1", number=receipt.number, total_minor=4_00),
        Shown(qr=f"https://shop.example/r/{receipt.public_id}"),
        Shown(qr=f"t={at}00&s=4.00&fn=99&i={receipt.number}&fp=1&n=1"),
    ]
    find = partial(claims.find_claimable, actor=APP)
    assert {find(shown=one, member=late).pk for one in ways} == {receipt.pk}
    for wrong in (
        Shown(store="S1", number=receipt.number, total_minor=4_01),
        Shown(store="S2", number=receipt.number, total_minor=4_00),
        Shown(qr="nothing"),
        Shown(qr=f"t={at}&s=x&i={receipt.number}"),
        Shown(qr=f"t=20200101T0000&s=4.00&i={receipt.number}"),
    ):
        with pytest.raises(ReceiptUnknown):
            find(shown=wrong, member=late)
    with pytest.raises(ReceiptUnknown):
        find(shown=ways[0], member=late, actor=Actor("api_key", "x", stores=frozenset({"S2"})))

    claim(receipt, late)
    assert find(shown=ways[0], member=late).pk == receipt.pk  # a repeat finds it
    with pytest.raises(ReceiptUnknown):
        find(shown=ways[0], member=other)
    with pytest.raises(ReceiptUnknown):
        claim(receipt, other)
    assert claim(receipt, late).pk == ReceiptClaim.objects.get().pk


def test_not_after_the_window_not_refunded_not_where_closed(shop):
    old, _ = sold_to_nobody(shop, occurred_at=days_ago(15))
    back, sold = sold_to_nobody(shop)
    shop.take_back(sold, line_1="1")
    mine = Receipt.objects.get(public_id=shop.sell(line("tea", 1_00)).body["id"])
    late = MemberFactory()

    for receipt, reason in ((old, "too_late"), (back, "refunded")):
        with pytest.raises(ReceiptNotClaimable) as refusal:
            claim(receipt, late)
        assert refusal.value.detail["reason"] == reason
    with pytest.raises(ReceiptUnknown):
        claim(mine, late)
    claims.change_terms(programme=default_programme(), terms={"is_open": False}, actor=SYSTEM)
    with pytest.raises(ClaimsClosed):
        claim(back, late)
    assert not ReceiptClaim.objects.exists()


def test_a_member_claims_so_many_a_day(shop):
    late = MemberFactory()
    for _n in range(3):
        claim(sold_to_nobody(shop)[0], late)
    with pytest.raises(ClaimLimit):
        claim(sold_to_nobody(shop)[0], late)
    assert points_of(late) == 12
    with pytest.raises(IntegrityError, match="claims_of_a_day"), transaction.atomic():
        ReceiptClaim.objects.create(
            receipt=sold_to_nobody(shop)[0], member=late, state="waiting", slot=3,
            day=ReceiptClaim.objects.latest("pk").day, actor="x",
        )  # fmt: skip


def test_a_cashiers_own_sales_are_looked_at_first(shop):
    receipt, _ = sold_to_nobody(shop, cashier="anna")
    late = MemberFactory()

    waiting = claim(receipt, late, actor=ANNA)

    assert (waiting.state, waiting.flags, points_of(late)) == ("waiting", ["same_cashier"], 0)
    with pytest.raises(ReceiptUnknown):
        claim(receipt, MemberFactory(), actor=BORIS)  # held for the first claim
    with pytest.raises(OwnApproval):
        claims.decide_claim(claim=waiting, agree=True, actor=ANNA)
    claims.decide_claim(claim=waiting, agree=False, actor=BORIS)
    again = claim(receipt, late, actor=BORIS)
    assert (again.state, points_of(late)) == ("granted", 4)
    with pytest.raises(ClaimState):
        claims.decide_claim(claim=waiting, agree=True, actor=BORIS)


def test_many_claims_of_one_cashier_and_large_receipts_wait(shop):
    terms = {"is_open": True, "staff_per_day": 1, "review_above_minor": 100_00}
    claims.change_terms(programme=default_programme(), terms=terms, actor=SYSTEM)
    claim(sold_to_nobody(shop)[0], MemberFactory(), actor=ANNA)
    second = claim(sold_to_nobody(shop)[0], MemberFactory(), actor=ANNA)
    large = claim(sold_to_nobody(shop, line("tea", 101_00))[0], MemberFactory())
    assert (second.flags, large.flags) == (["many_claims"], ["large"])
    agreed = claims.decide_claim(claim=large, agree=True, actor=BORIS)
    assert (agreed.state, agreed.points) == ("granted", 101)


@pytest.mark.django_db(transaction=True)
def test_two_members_in_parallel_one_gets_it():
    receipt, _ = sold_to_nobody(new_shop())
    members = [CardFactory().member, CardFactory().member]

    raced = race([partial(claim, receipt, member) for member in members])

    assert raced.overlap == 2
    [error] = raced.errors
    assert isinstance(error, ReceiptUnknown)
    assert sorted(points_of(member) for member in members) == [0, 4]


@pytest.mark.django_db(transaction=True)
def test_without_the_receipts_lock_the_table_holds(monkeypatch):
    """The negative control: both look before either writes; the unique claim refuses the second."""
    receipt, _ = sold_to_nobody(new_shop())
    members = [CardFactory().member, CardFactory().member]
    both_have_looked = threading.Barrier(2)

    def unlocked(asked):
        return Receipt.objects.select_related("store", "terminal").get(pk=asked.pk)

    def looked(held):
        both_have_looked.wait(10)

    monkeypatch.setattr(claiming, "_locked", unlocked)
    monkeypatch.setattr(claiming, "_standing", looked)
    raced = race([partial(claim, receipt, member) for member in members])

    [error] = raced.errors
    assert "receipt_claimed_once" in str(error)
    assert sorted(points_of(member) for member in members) == [0, 4]
