"""A coupon at the web till: scanned into the basket, told in words, used with the sale."""

from __future__ import annotations

import pytest
from django.urls import reverse

from members.models import Receipt
from tests.factories.members import ProductFactory
from tests.factories.promotions import make_programme
from tests.rewards.coupon_tools import counted, coupon_promotion, one_code
from tests.till import HTMX, Till, form_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def till():
    coupon_promotion(make_programme())
    ProductFactory(sku="cheese", name="Cheese", price_minor=10_00)
    till = Till()
    till.scan("cheese")
    return till


def show(till, code):
    return till.client.post(reverse("till:sale-coupon"), {"code": code}, headers=HTMX)


def basket_of(till):
    return till.client.session["till_basket"]


def test_a_coupon_is_scanned_counts_and_is_used_with_the_sale(till):
    coupon = one_code(code="SAVE2345")

    panel = show(till, "save-2345")
    assert "To pay $5.00" in text_of(panel)
    assert "SAVE2345: The coupon counts" in text_of(panel)
    page = till.client.get(reverse("till:pay"))
    assert counted(coupon) == (0, 0)
    till.client.post(reverse("till:pay"), form_of(page))

    assert Receipt.objects.get().total_minor == 5_00
    assert counted(coupon) == (1, 0)


def test_a_wrong_code_is_told_counted_and_not_kept(till):
    one_code(code="SAVE2345")
    for _ in range(5):
        panel = show(till, "WRONG234")
        assert panel.status_code == 422
        assert "This coupon cannot be used here" in text_of(panel)
    assert basket_of(till)["coupons"] == []

    assert "Too many requests" in text_of(show(till, "SAVE2345"))
    assert "To pay $20.00" in text_of(till.scan("cheese"))


def test_a_coupon_is_taken_out_again_and_nonsense_is_no_code(till):
    one_code(code="SAVE2345")
    show(till, "SAVE2345")
    show(till, "SAVE2345")
    assert basket_of(till)["coupons"] == ["SAVE2345"]

    address = reverse("till:sale-coupon-remove")
    panel = till.client.post(address, {"code": "SAVE2345"}, headers=HTMX)
    assert "To pay $10.00" in text_of(panel)
    assert "This is no coupon code" in text_of(show(till, "%%%"))
