"""Awards in the back office: on the member's page and in the list, at a fixed price."""

from __future__ import annotations

import pytest
from django.urls import reverse

from rewards.services import rule_sets
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, line, purchase
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def card():
    make_programme()
    StoreFactory(code="S1")
    programme = rule_sets.default_programme()
    make_promotion(programme, "stamps", {"kind": "stamps", "code": "cup", "per": "item"})
    make_promotion(programme, "green", {"kind": "charity", "code": "trees", "basis_points": 150})
    return CardFactory()


def sell(card, number):
    store = type("Shop", (), {"code": "S1"})
    return Till().post("purchases", purchase(store, number, line("tea", 10_00, "3"), card=card))


def test_the_panel_shows_balances_and_awards_with_their_receipts(card):
    sold = sell(card, "R-1").json()
    Till().post(
        f"purchases/{sold['id']}/refunds",
        {"number": "B-1", "lines": [{"line": 1, "quantity": "1"}]},
    )
    panel = reverse("admin:rewards_member_awards", args=[card.member_id])

    page = " ".join(at_desk("marketer").get(panel).content.decode().split())

    assert "stamps, cup: 2" in page
    assert "taken back: 1" in page
    # 1.5 % of 30.00 and, of it, of the 10.00 that came back.
    assert "$0.45" in page
    assert "taken back: $0.15" in page
    assert ">R-1</a>" in page


def test_panel_and_list_cost_the_same_for_many(card):
    marketer = at_desk("marketer")
    panel = reverse("admin:rewards_member_awards", args=[card.member_id])
    rows = reverse("admin:rewards_award_changelist")
    sell(card, "R-1")
    few = [len(cost_of(marketer, page)) for page in (panel, rows)]
    for n in range(2, 9):
        sell(card, f"R-{n}")

    assert [len(cost_of(marketer, page)) for page in (panel, rows)] == few
    more = marketer.get(panel).content.decode()
    assert "before=" in more


def test_the_panel_is_closed_to_those_who_see_no_wallets(card):
    panel = reverse("admin:rewards_member_awards", args=[card.member_id])

    assert at_desk("cashier").get(panel).status_code == 302
    assert at_desk("analyst").get(panel).status_code == 200
