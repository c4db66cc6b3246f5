"""The demo shop: alive on every screen, dated today, and the same on every machine."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Max, Q

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Card, Consent, Identity, Member, Product, Receipt, Refund
from members.rules.identities import normal_email, normal_phone
from rewards.models import (
    Coupon,
    GiftCard,
    Hold,
    LedgerEntry,
    PromotionVersion,
    TierMembership,
    Wallet,
)
from rewards.services.demo import load, load_demo
from rewards.services.demo.names import person
from rewards.services.demo.shop import STORES, barcode, cost_of, promises
from tests.rewards.history_tools import counted


def test_people_are_the_same_each_time_and_can_be_reached_by_nobody():
    people = [person(str(number), number) for number in range(2500)]

    assert people[7] == person("7", 7)
    assert len({one.phone for one in people}) == len(people)
    assert all(normal_phone(one.phone, "US") == one.phone for one in people)
    assert all(one.phone[5:8] == "555" and "100" <= one.phone[9:] <= "199" for one in people)
    emails = [one.email for one in people if one.email]
    assert all(email == normal_email(email) and email.isascii() for email in emails)
    assert 0.1 < sum(one.language == "ru" for one in people) / len(people) < 0.3


def test_barcodes_have_a_true_check_digit():
    code = barcode("1082185")

    digits = [int(digit) for digit in code]
    assert len(code) == 13
    assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


@pytest.mark.parametrize(
    ("path", "earns_pays"),
    [
        ("drug general merchandise/cigarettes", (False, False)),
        ("miscellaneous/coupon - other items/gift cards", (False, False)),
        ("grocery/beers - ales", (True, False)),
        ("fuel/coupon - other items/gasoline-reg unleaded", (True, False)),
        ("grocery/coffee", (True, True)),
        ("", (True, True)),
    ],
)
def test_what_earns_and_what_points_may_pay(path, earns_pays):
    assert promises(path) == earns_pays


def test_cost_prices_leave_a_margin():
    assert all(
        0 < cost_of(name, "12345", 1000) < 1000 for name in ("fuel", "grocery", "restaurant")
    )


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(load, "HOUSEHOLDS", 75)


@pytest.mark.slow
@pytest.mark.django_db
def test_the_demo_shop_is_alive_and_loads_once(small):
    now = clock.now()
    told = []

    loaded = load_demo(now=now, say=told.append, progress=lambda line, total: None, actor=SYSTEM)

    assert loaded.members == Member.objects.count() == 75
    assert Member.objects.filter(Q(name="") | Q(home_store=None)).count() == 0
    assert Card.objects.filter(status="active").count() == 75
    assert Consent.objects.filter(purpose="advertising", granted=True).exists()
    assert Consent.objects.filter(purpose="advertising", granted=False).exists()
    assert Identity.objects.filter(kind="phone").count() == 75
    assert set(Receipt.objects.values_list("store__code", flat=True)) <= set(STORES)
    last = Receipt.objects.exclude(number__startswith="D-").aggregate(last=Max("occurred_at"))
    assert now - timedelta(days=1) < last["last"] <= now
    kinds = set(LedgerEntry.objects.values_list("kind", flat=True))
    assert {"earn", "redeem", "clawback", "restore", "adjust"} <= kinds
    assert Hold.objects.count() == 3
    assert Refund.objects.count() > 5
    assert Wallet.objects.filter(status="frozen").count() == 1
    assert Product.objects.filter(price_minor=None).count() == 0
    assert Product.objects.filter(cost_minor__gt=0, excluded_from_redemption=True).exists()
    assert TierMembership.objects.count() == 75
    assert set(PromotionVersion.objects.values_list("state", flat=True)) >= {
        "draft", "live", "scheduled",
    }  # fmt: skip
    assert GiftCard.objects.filter(state="active").count() == 4
    assert Coupon.objects.filter(code="SPRING5").exists()
    before = counted()
    again = load_demo(now=now, say=told.append, progress=lambda line, total: None, actor=SYSTEM)
    assert again.outcome is None
    assert counted() == before
