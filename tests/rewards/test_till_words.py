"""What the till's screen says besides prices: tax on top, and what promotions want said."""

from __future__ import annotations

import pytest

from rewards.models import Programme
from tests.factories.members import ProductFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.till import Till, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme(tax_basis_points=2000)


@pytest.fixture
def till(programme):
    ProductFactory(sku="tea", name="Green tea", price_minor=10_00)
    return Till()


def test_tax_on_top_stands_before_the_sum(till):
    assert "Tax" not in text_of(till.scan("tea"))
    Programme.objects.update(tax_mode="on_top")

    panel = text_of(till.scan("tea"))

    assert "Tax $4.00" in panel
    assert "To pay $24.00" in panel


def test_the_cashier_is_told_what_to_say_once(till, programme):
    labels = {"cashier": {"en": "Offer the new card"}}
    off = {"kind": "percent_off", "basis_points": 1000}
    make_promotion(programme, "off", off, labels=labels)
    make_promotion(
        programme, "say", {"kind": "message", "to": "cashier", "text": {"en": "Ask about tea"}}
    )

    panel = text_of(till.scan("tea"))

    assert panel.count("Offer the new card") == 1
    assert "Ask about tea" in panel
