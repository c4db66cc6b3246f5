"""How far all discounts together go: the programme's bounds, with figures."""

from __future__ import annotations

import pytest
from django.urls import reverse

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Programme
from rewards.services.programmes import update_programme
from tests.factories.members import ProductFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, basket, line, purchase, usd
from tests.staff import at_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def shop(programme):
    return StoreFactory(code="S1")


@pytest.fixture
def till(programme):
    return Till()


def bounds(**changes):
    programme = Programme.objects.get()
    update_programme(programme=programme, changes=changes, version=programme.version, actor=SYSTEM)


def off(programme, code, percent, **parts):
    effect = {"kind": "percent_off", "basis_points": percent * 100, "phase": "basket"}
    make_promotion(programme, code, effect, **parts)


def quoted(till, shop, *lines):
    return till.post("quotes", basket(shop, *lines), key=None).json()


def taken(quote):
    return quote["totals"]["discount"]["amount"]


def decision(quote, code):
    return next(one for one in quote["decisions"] if one["promotion"] == code)


def test_all_promotions_together_stop_at_the_greatest_discount(programme, shop, till):
    off(programme, "first", 20)
    off(programme, "second", 20)
    bounds(max_discount_percent=30)

    quote = quoted(till, shop, line("tea", 60_00), line("cup", 40_00, line=2))

    # 20.00 of 100.00, then 16.00 of the 80.00 left, of which 10.00 is still allowed.
    assert taken(quote) == 30_00
    assert decision(quote, "first")["outcome"] == "applied"
    cut = decision(quote, "second")
    assert (cut["outcome"], cut["reason"], cut["discount"]["amount"]) == (
        "capped", "max_discount", 10_00,
    )  # fmt: skip
    assert cut["params"]["wanted"] == 16_00
    # The 10.00 is spread by what was wanted of each line, 9.60 and 6.40.
    assert [one["discount"]["amount"] for one in quote["lines"]] == [12_00 + 6_00, 8_00 + 4_00]


def test_the_cashiers_own_discount_stands_and_counts_first(programme, shop, till):
    off(programme, "first", 20)
    bounds(max_discount_percent=30)

    some = quoted(till, shop, line("tea", 100_00, discount=usd(25_00)))
    beyond = quoted(till, shop, line("tea", 100_00, discount=usd(45_00)))

    assert (taken(some), decision(some, "first")["discount"]["amount"]) == (30_00, 5_00)
    assert decision(some, "first")["reason"] == "max_discount"
    # What was typed is never refused afterwards; promotions just add nothing.
    assert (taken(beyond), decision(beyond, "first")["discount"]["amount"]) == (45_00, 0)


def test_no_promotion_sells_below_cost(programme, shop, till):
    ProductFactory(sku="tea", cost_minor=7_00)
    off(programme, "half", 50)
    assert taken(quoted(till, shop, line("tea", 10_00))) == 5_00
    bounds(never_below_cost=True)

    quote = quoted(till, shop, line("tea", 10_00, "3"))

    said = decision(quote, "half")
    assert (taken(quote), said["outcome"], said["reason"]) == (9_00, "capped", "cost_floor")
    assert said["text"] == "half: discount $9.00 instead of $15.00, nothing is sold below cost"
    below = quoted(till, shop, line("tea", 10_00, discount=usd(4_00)))
    assert taken(below) == 4_00  # below cost already, by hand: nothing is added


def test_the_cost_bounds_several_promotions_one_after_another(programme, shop, till):
    ProductFactory(sku="tea", cost_minor=7_00)
    for code in ("a", "b", "c"):
        off(programme, code, 20)
    bounds(never_below_cost=True)

    quote = quoted(till, shop, line("tea", 10_00))

    assert [decision(quote, code)["discount"]["amount"] for code in "abc"] == [2_00, 1_00, 0]
    assert [decision(quote, code)["reason"] for code in "abc"] == [
        "off_basket", "cost_floor", "cost_floor",
    ]  # fmt: skip


@pytest.mark.parametrize(("floor", "expected"), [(0, 5_00), (60, 4_00), (100, 0)])
def test_no_price_falls_below_its_share_of_the_shelf_price(programme, shop, till, floor, expected):
    off(programme, "half", 50)
    bounds(price_floor_percent=floor)

    quote = quoted(till, shop, line("tea", 10_00))

    assert taken(quote) == expected
    reason = decision(quote, "half")["reason"]
    assert reason == ("share_floor" if floor else "off_basket")


def test_the_stricter_of_two_floors_holds(programme, shop, till):
    ProductFactory(sku="tea", cost_minor=7_00)
    off(programme, "half", 50, stacking={"caps": {"floor_basis_points": 8000}})
    bounds(price_floor_percent=75, never_below_cost=True)

    assert taken(quoted(till, shop, line("tea", 10_00))) == 2_00


def test_a_sale_is_priced_as_its_quote_under_the_bounds(programme, shop, till):
    off(programme, "half", 50)
    bounds(max_discount_percent=30)
    quote = quoted(till, shop, line("tea", 10_00))

    sold = till.post(
        "purchases", purchase(shop, "R-1", line("tea", 10_00), quote_id=quote["quote_id"])
    )

    assert (sold.status_code, sold.json()["totals"]["total"]["amount"]) == (201, 7_00)


# The page of settings


def send(desk, programme, page="change", **changes):
    given = {
        "name": programme.name, "point_value_minor": "0.01", "time_zone": "UTC",
        "earning_base": "money", "rounding": "down", "activation_delay_days": 0,
        "max_points_share_percent": 50, "min_redeem_points": 0, "offline_redeem_limit": 0,
        "expiry": "rolling", "expiry_days": 365, "expiry_dates": "", "expiry_bucket": "day",
        "debt": "allow", "debt_limit_points": 1000, "expired_on_restore": "revive",
        "revive_days": 30, "max_discount_percent": 100, "price_floor_percent": 0,
        "tax_mode": "included", "tax_basis_points": 0, "version": 1, **changes,
    }  # fmt: skip
    address = reverse(f"admin:rewards_programme_{page}", args=[programme.pk])
    return desk.post(address, given)


def test_the_preview_says_what_a_receipt_may_lose(programme):
    desk = at_desk("marketer")

    said = send(desk, programme, "preview", max_discount_percent=30).content.decode()
    floor = send(desk, programme, "preview", price_floor_percent=90).content.decode()

    assert "Of a receipt of $50.00 discounts may take off at most $15.00." in said
    assert "Of a receipt of $50.00 discounts may take off at most $5.00." in floor
    assert Programme.objects.get().max_discount_percent == 100


def test_only_an_administrator_turns_the_review_on(programme):
    marketer = send(at_desk("marketer"), programme, promotions_need_review="on",
                    max_discount_percent=60)  # fmt: skip
    assert marketer.status_code == 302
    after = Programme.objects.get()
    assert (after.max_discount_percent, after.promotions_need_review) == (60, False)

    send(at_desk("admin"), programme, promotions_need_review="on", version=2)

    assert Programme.objects.get().promotions_need_review


@pytest.mark.parametrize("field", ["max_discount_percent", "price_floor_percent"])
def test_a_bound_is_a_percentage(programme, field):
    answer = send(at_desk("admin"), programme, **{field: 101})

    assert answer.status_code == 422
    assert getattr(Programme.objects.get(), field) in (0, 100)
