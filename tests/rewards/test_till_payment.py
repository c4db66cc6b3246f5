"""Ways to pay and gifts to choose at the web till: both stand in the numbers before the sale."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import Receipt, StockLevel, Tender
from rewards.models import Award
from tests.factories.members import ProductFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.till import Till, form_of, text_of

pytestmark = pytest.mark.django_db

TENTH = {"kind": "percent_off", "basis_points": 10_00}


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def till(programme):
    ProductFactory(sku="cheese", name="Cheese", price_minor=10_00)
    return Till()


@pytest.fixture
def own_card(programme):
    when = {"kind": "tender", "kinds": ["own_card"]}
    return make_promotion(programme, "own", TENTH, when=when)


@pytest.fixture
def gifts(programme, till):
    """A mug that is not counted, one cap, and no pen."""
    for sku, left in {"mug": None, "cap": 1, "pen": 0}.items():
        product = ProductFactory(sku=sku, name=sku.capitalize())
        if left is not None:
            StockLevel.objects.create(store=till.terminal.store, product=product, quantity=left)
    return make_promotion(programme, "gift", {"kind": "gift", "skus": ["mug", "cap", "pen"]})


def plan(till, *kinds):
    till.post("pay-by", kinds=",".join(kinds))
    return till.get("pay")


def test_nobody_is_asked_how_they_pay_where_no_offer_wants_to_know(till):
    till.scan("cheese")

    assert "How will the customer pay?" not in text_of(till.get("pay"))


def test_an_offer_for_a_way_to_pay_is_in_the_total_before_the_sale(till, own_card):
    till.scan("cheese")
    before = text_of(till.get("pay"))
    assert "How will the customer pay?" in before
    assert "To pay $10.00" in before

    page = plan(till, "own_card")
    assert "To pay $9.00" in text_of(page)
    sold = till.post("pay", **form_of(page))

    assert sold.status_code == 302
    assert Receipt.objects.get().total_minor == 9_00
    assert list(Tender.objects.values_list("kind", "amount_minor")) == [("own_card", 9_00)]


def test_a_split_payment_has_an_amount_for_each_way(till, own_card):
    till.scan("cheese")

    page = plan(till, "own_card", "cash")
    till.post("pay", **form_of(page) | {"cash": "10", "by-own_card": "4"})

    assert set(Tender.objects.values_list("kind", "amount_minor")) == {
        ("own_card", 4_00), ("cash", 5_00),
    }  # fmt: skip


def test_another_way_to_pay_than_planned_is_told_and_sold_at_its_own_total(till, own_card):
    till.scan("cheese")
    shown = form_of(till.get("pay"))

    other = till.post("pay", **shown | {"cash": "", "by-own_card": "10"})
    assert other.status_code == 422
    assert "The numbers have changed" in text_of(other)
    assert "To pay $9.00" in text_of(other)
    assert not Receipt.objects.exists()

    till.post("pay", **form_of(till.get("pay")))
    assert Receipt.objects.get().total_minor == 9_00


def test_a_planned_way_that_was_not_used_takes_the_discount_back(till, own_card):
    till.scan("cheese")
    shown = form_of(plan(till, "own_card", "cash"))

    paid = till.post("pay", **shown | {"cash": "9", "by-own_card": ""})

    assert paid.status_code == 422
    assert "To pay $10.00" in text_of(paid)


@pytest.mark.parametrize("kinds", ["", "gold", "own_card,gold,\x00", ",,,"])
def test_ways_that_this_till_does_not_take_are_no_plan(till, own_card, kinds):
    till.scan("cheese")

    assert till.post("pay-by", kinds=kinds).status_code == 302
    assert set(till.client.session["till_basket"]["pay_by"]) <= {"own_card"}
    assert till.get("pay").status_code == 200


def test_a_page_whose_ways_were_tampered_with_sells_nothing_wrong(till, own_card):
    till.scan("cheese")
    shown = form_of(till.get("pay"))

    answer = till.post("pay", **shown | {"kinds": "gold", "cash": "1"})

    assert answer.status_code == 422
    assert not Receipt.objects.exists()


def test_gifts_are_shown_with_what_is_left_and_what_has_run_out(till, gifts):
    panel = text_of(till.scan("cheese"))

    assert "Let the customer choose a gift" in panel
    assert "Mug Cap 1 left Pen out of stock here" in panel
    assert "A gift has not been chosen yet" in text_of(till.get("pay"))


def test_the_gift_that_was_chosen_goes_with_the_sale(till, gifts):
    till.scan("cheese")

    assert "Gift: 1 × Cap" in text_of(till.ask("sale-gift", sku="cap"))
    done = till.client.get(till.pay().url)

    assert Award.objects.get(kind="gift").code == "cap"
    assert StockLevel.objects.get(product__sku="cap").quantity == 0
    assert "Hand over the gift: 1 × Cap" in text_of(done)


def test_a_choice_is_changed_and_taken_back(till, gifts):
    till.scan("cheese")
    for sku in ("cap", "mug", "mug"):
        panel = till.ask("sale-gift", sku=sku)
    assert till.client.session["till_basket"]["gifts"] == ["mug"]
    assert "Gift: 1 × Mug" in text_of(panel)

    panel = till.ask("sale-gift", drop="mug")

    assert "Let the customer choose a gift" in text_of(panel)


@pytest.mark.parametrize("sku", ["pen", "cheese", "", "\x00", "x" * 500])
def test_what_is_not_to_be_had_cannot_be_chosen(till, gifts, sku):
    till.scan("cheese")

    panel = till.ask("sale-gift", sku=sku)

    assert panel.status_code == 422
    assert "cannot be chosen any more" in text_of(panel)
    assert till.client.session["till_basket"]["gifts"] == []


def test_a_chosen_gift_that_went_meanwhile_stops_the_sale(till, gifts):
    till.scan("cheese")
    till.ask("sale-gift", sku="cap")
    shown = form_of(till.get("pay"))
    StockLevel.objects.filter(product__sku="cap").update(quantity=0)

    answer = till.post("pay", **shown)

    assert answer.status_code == 422
    assert "The numbers have changed" in text_of(answer)
    assert not Receipt.objects.exists()


def test_gifts_cost_one_query_whatever_their_number(programme, till, django_assert_num_queries):
    till.scan("cheese")
    with CaptureQueriesContext(connection) as without:
        till.get("sale")
    few = len(without)
    for code, number in (("one", 1), ("many", 40)):
        skus = [f"{code}-{position}" for position in range(number)]
        make_promotion(programme, code, {"kind": "gift", "skus": skus})
        till.get("sale")

        with django_assert_num_queries(few + 1):
            till.get("sale")
