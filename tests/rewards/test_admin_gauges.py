"""The list of promotions shows the limit that stops each first; pages say what is unknown."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from loyalty_crm.kernel import clock
from members.models import Store
from rewards.models import CouponBatch, LimitCounter
from rewards.services.limits.tightest import tightest
from tests.factories.members import StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.coupon_tools import coupon_promotion, make_batch
from tests.rewards.limit_tools import limit
from tests.staff import at_desk, cost_of
from tests.till import text_of

pytestmark = pytest.mark.django_db

OFF = {"kind": "percent_off", "basis_points": 1000}
LIST = reverse("admin:rewards_promotion_changelist")


@pytest.fixture
def programme():
    return make_programme()


def used(version, per, what, amount, holder=0, key="", held=0):
    LimitCounter.objects.create(
        promotion=version.promotion, per=per, what=what, holder=holder, key=key,
        used=amount, held=held, most=10**9,
    )  # fmt: skip


def test_the_tightest_limit_is_shown(programme):
    limits = [limit("total", "money", 1000), limit("day", "uses", 10), limit("member", "uses", 1)]
    version = make_promotion(programme, "off", OFF, limits=limits)
    today = f"{clock.now():%Y-%m-%d}"
    used(version, "total", "money", 300)
    used(version, "day", "uses", 7, key=today, held=2)
    used(version, "day", "uses", 10, key="2020-01-01")
    used(version, "member", "uses", 1, holder=5)

    page = at_desk("marketer").get(LIST)

    assert "Today: uses · 90 %" in text_of(page)
    assert "is-soon" in page.content.decode()


def test_of_stores_the_fullest_counts(programme):
    one, other = StoreFactory(), StoreFactory()
    version = make_promotion(programme, "off", OFF, limits=[limit("store", "uses", 10)])
    used(version, "store", "uses", 2, holder=one.pk)
    used(version, "store", "uses", 12, holder=other.pk)

    assert Store.objects.count() == 2
    assert tightest([version], clock.now())[version.promotion_id].percent == 120
    assert "For each store: uses · 120 %" in text_of(at_desk("marketer").get(LIST))


def test_what_counts_nothing_has_no_gauge(programme):
    make_promotion(programme, "off", OFF)
    make_promotion(programme, "own", OFF, limits=[limit("member", "uses", 1)])

    assert 'role="meter"' not in at_desk("marketer").get(LIST).content.decode()


def test_many_limits_cost_as_much_as_one(programme):
    desk = at_desk("marketer")
    make_promotion(programme, "p0", OFF, limits=[limit("total", "uses", 10)])
    one = len(cost_of(desk, LIST))
    for number in range(1, 9):
        make_promotion(
            programme,
            f"p{number}",
            OFF,
            limits=[limit("day", "uses", 5), limit("week", "money", 9)],
        )

    assert len(cost_of(desk, LIST)) == one


def test_the_page_of_a_promotion_names_codes_that_nobody_knows(programme):
    version = make_promotion(programme, "off", OFF, goods={"include": {"skus": ["moondust"]}})

    page = at_desk("marketer").get(
        reverse("admin:rewards_promotion_change", args=[version.promotion_id])
    )

    assert "It names moondust, which is not among the products." in text_of(page)


def test_the_page_of_a_batch_looks_again_while_codes_are_made(programme):
    coupon_promotion(programme)
    batch = make_batch("unique", count=5)
    at = reverse("admin:rewards_couponbatch_change", args=[batch.pk])
    desk = at_desk("marketer")
    assert "every 3s" not in desk.get(at).content.decode()

    CouponBatch.objects.filter(pk=batch.pk).update(state="generating")
    page = desk.get(at).content.decode()

    assert re.search(rf'id="batch" hx-get="{at}" hx-trigger="every 3s" hx-select="#batch"', page)
