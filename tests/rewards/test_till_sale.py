"""Selling at the till: the basket, the quote beside it, payment, and what a repeat does."""

from __future__ import annotations

import pytest
from django.urls import reverse

from loyalty_crm.kernel.errors import IdempotencyInFlight
from loyalty_crm.kernel.models import IdempotencyRecord
from members.models import Card, Receipt, Store, Tender
from rewards.models import Purchase, Wallet
from rewards.till import pay
from tests.factories.members import CardFactory, MemberFactory, ProductFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.factories.rewards import WalletFactory
from tests.till import Till, form_of, make_staff, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def till(programme):
    ProductFactory(sku="tea", name="Green tea", price_minor=2_50, barcode="460001")
    ProductFactory(sku="cheese", name="Cheese", price_minor=10_00)
    return Till()


@pytest.fixture
def card(programme):
    card = CardFactory(member=MemberFactory(name="Anna Petrova"))
    WalletFactory(member=card.member, programme=programme, points=500)
    return card


def lines_of(till):
    return till.client.session["till_basket"]["lines"]


def test_a_scan_shows_the_line_and_the_total(till):
    panel = till.scan("460001")

    assert "Green tea" in text_of(panel)
    assert "To pay $2.50" in text_of(panel)


@pytest.mark.parametrize(
    ("entry", "milli", "total"),
    [("3*tea", 3000, "7.50"), ("0,456*cheese", 456, "4.56"), ("2×tea", 2000, "5.00")],
)
def test_a_quantity_may_stand_before_the_code(till, entry, milli, total):
    panel = till.scan(entry)

    assert lines_of(till)[0]["quantity_milli"] == milli
    assert f"To pay ${total}" in text_of(panel)


def test_the_same_goods_again_become_more(till):
    till.scan("tea", "460001", "2*tea")

    assert [line["quantity_milli"] for line in lines_of(till)] == [4000]


@pytest.mark.parametrize("entry", ["", "*tea", "0*tea", "tea=x", "1.2345*tea", "*", "tea*2*3"])
def test_what_is_no_line_is_said_and_changes_nothing(till, entry):
    till.scan("tea")

    panel = till.scan(entry)

    assert panel.status_code == 422
    assert "This is no line" in text_of(panel)
    assert len(lines_of(till)) == 1


def test_unknown_goods_ask_for_a_price_and_are_sold_at_it(till):
    asked = till.scan("2*moon-dust")
    sold = till.ask("sale-free", code="moon-dust", name="Moon dust", price="9.90", quantity="2")

    assert asked.status_code == 422
    assert "moon-dust" in text_of(asked)
    assert "To pay $19.80" in text_of(sold)


def test_a_typed_price_is_no_way_around_the_catalogue(till):
    till.scan("tea=0.01")
    till.ask("sale-free", code="cheese", name="", price="0.01", quantity="1")

    assert [line["price_minor"] for line in lines_of(till)] == [2_50, 10_00]


def test_a_product_without_a_price_asks_for_one(till):
    ProductFactory(sku="bag", name="Bag", price_minor=None)

    assert till.scan("bag").status_code == 422
    assert till.scan("bag=0.15").status_code == 200


@pytest.mark.parametrize("price", ["", "abc", "-1", "1.999", "1e5"])
def test_a_price_that_cannot_be_read_is_said(till, price):
    panel = till.ask("sale-free", code="x", name="", price=price, quantity="1")

    assert panel.status_code == 422
    assert "till_basket" not in till.client.session


def test_quantities_change_and_lines_go(till):
    till.scan("tea", "cheese")
    first, second = (line["id"] for line in lines_of(till))

    till.ask("sale-change", first, quantity="5")
    till.ask("sale-change", second, quantity="0")
    refused = till.ask("sale-change", first, quantity="many")

    assert refused.status_code == 422
    assert [(line["id"], line["quantity_milli"]) for line in lines_of(till)] == [(first, 5000)]


def test_removing_a_line_twice_removes_one_line(till):
    till.scan("tea", "cheese")
    first = lines_of(till)[0]["id"]

    till.ask("sale-remove", first)
    till.ask("sale-remove", first)

    assert [line["sku"] for line in lines_of(till)] == ["cheese"]


def test_the_basket_survives_a_reload_and_not_another_shift(till):
    till.scan("tea")
    reloaded = till.get("sale")
    till.post("shift-close")
    till.post("shift", terminal=till.terminal.pk)

    assert "Green tea" in text_of(reloaded)
    assert "The basket is empty" in text_of(till.get("sale"))


def test_a_card_in_the_field_for_goods_finds_its_member(till, card):
    panel = till.scan("tea", card.number)

    assert "Anna P." in text_of(panel)
    assert "500 points available" in text_of(panel)
    assert len(lines_of(till)) == 1


def test_a_blocked_card_stops_the_member_and_keeps_the_goods(till, card):
    Card.objects.filter(pk=card.pk).update(status=Card.Status.BLOCKED, reason="lost")

    panel = till.scan("tea", card.number)

    assert panel.status_code == 422
    assert "The card is blocked" in text_of(panel)
    assert "Anna" not in text_of(till.get("sale"))
    assert len(lines_of(till)) == 1


def test_the_panel_says_what_applies_and_what_does_not(till, card, programme):
    goods = {"include": {"skus": ["tea"]}}
    make_promotion(programme, "tea-off", {"kind": "percent_off", "basis_points": 1000}, goods=goods)
    rich = [{"kind": "min_spend", "amount_minor": 100_00}]
    bonus = {"kind": "fixed_points", "points": 50}
    make_promotion(programme, "big-one", bonus, when={"all": rich})

    panel = text_of(till.scan("4*tea", card.number))

    assert "tea-off: discount $1.00" in panel
    assert "big-one: $91.00 more to get it" in panel
    assert "Points to earn +9" in panel


def test_points_pay_as_far_as_the_rules_allow(till, card):
    till.scan("tea", card.number)

    half = till.ask("sale-points", points="max")
    some = till.ask("sale-points", points="30")
    bad = till.ask("sale-points", points="lots")

    assert "Paid with 125 points −$1.25" in text_of(half)
    assert "To pay $2.20" in text_of(some)
    assert bad.status_code == 422


def test_a_sale_is_a_receipt_with_tenders_points_and_change(till, card):
    till.scan("4*tea", card.number)
    till.ask("sale-points", points="max")

    done = till.pay(cash="6.00", card="1.00")

    receipt = Receipt.objects.get()
    assert done.url == reverse("till:sold", args=[receipt.public_id])
    assert (receipt.total_minor, receipt.points_paid_minor) == (5_00, 5_00)
    assert (receipt.cashier, receipt.terminal) == ("cashier", till.terminal)
    tenders = dict(Tender.objects.values_list("kind", "amount_minor"))
    assert tenders == {"cash": 4_00, "card": 1_00}
    page = text_of(till.client.get(done.url))
    assert "Change $2.00" in page
    assert "Balance before 500, after 5" in page
    assert Wallet.objects.get().posted == 5


def test_the_next_customer_begins_with_an_empty_basket(till):
    till.scan("tea")
    till.pay(cash="2.50")

    page = till.get("sale")

    assert "The basket is empty" in text_of(page)
    assert form_of(page).keys() == {"csrfmiddlewaretoken"}


def test_the_same_form_twice_sells_once(till, card):
    till.scan("4*tea", card.number)
    said = form_of(till.get("pay"))

    first, second = till.post("pay", **said), till.post("pay", **said)

    assert first.url == second.url
    assert Receipt.objects.count() == Purchase.objects.count() == 1
    assert Wallet.objects.get().posted == 510


def test_a_late_repeat_leaves_the_next_basket_alone(till):
    till.scan("tea")
    said = form_of(till.get("pay"))
    till.post("pay", **said)
    till.scan("cheese")

    till.post("pay", **said)

    assert [line["sku"] for line in lines_of(till)] == ["cheese"]
    assert Receipt.objects.count() == 1


def test_without_a_card_nothing_but_the_receipt(till):
    till.scan("tea")

    done = till.pay(cash="5.00")

    assert "Sold without a card" in text_of(till.client.get(done.url))
    assert Receipt.objects.get().member is None
    assert not Wallet.objects.exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"cash": "1.00"}, "less than the total"),
        ({"cash": "abc"}, "An amount is a number"),
        ({"cash": "", "card": "3.00"}, "A card pays no more"),
        ({"number": ""}, "needs its receipt number"),
    ],
)
def test_a_payment_that_cannot_be_is_said_and_sells_nothing(till, said, words):
    till.scan("tea")

    page = till.pay(**said)

    assert page.status_code == 422
    assert words in text_of(page)
    assert not Receipt.objects.exists()
    assert len(lines_of(till)) == 1


def test_a_price_that_changed_shows_fresh_numbers_and_asks_again(till, card, programme):
    till.scan("tea", card.number)
    said = form_of(till.get("pay"))
    make_promotion(programme, "sale", {"kind": "percent_off", "basis_points": 5000})

    refused = till.post("pay", **said)

    assert refused.status_code == 422
    assert "The numbers have changed" in text_of(refused)
    assert "$1.25" in text_of(refused)
    assert not Receipt.objects.exists()
    assert till.post("pay", **(form_of(refused) | {"cash": "1.25"})).status_code == 302


def test_a_number_that_exists_is_refused_beside_its_field(till):
    till.scan("tea")
    till.pay(number="R-1")
    till.scan("cheese")

    refused = till.pay(number="R-1")

    assert refused.status_code == 422
    assert "A receipt with this number exists already" in text_of(refused)
    assert till.post("pay", **(form_of(refused) | {"number": "R-2"})).status_code == 302


def test_receipt_numbers_count_on_for_each_till(till):
    for _ in range(2):
        till.scan("tea")
        till.pay()
    other = Till(make_staff("second"))
    other.scan("tea")
    other.pay()

    numbers = list(Receipt.objects.order_by("id").values_list("number", flat=True))
    mine, theirs = till.terminal.code, other.terminal.code
    assert numbers == [f"{mine}-000001", f"{mine}-000002", f"{theirs}-000001"]


def test_a_sale_of_another_store_is_not_found(till):
    till.scan("tea")
    receipt_page = till.pay().url
    stranger = Till(make_staff("stranger"))

    assert stranger.terminal.store_id != Store.objects.get(code=till.terminal.store.code).pk
    assert stranger.client.get(receipt_page).status_code == 404


def test_an_empty_basket_is_not_paid(till):
    assert till.get("pay").url == reverse("till:sale")
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("lines", [1, 12])
def test_a_panel_asks_the_same_few_questions_for_any_basket(
    till, card, django_assert_num_queries, lines
):
    till.scan(card.number, *(f"x{n}=1.00" for n in range(lines)))

    # Session, user, shift with roles, rules' stamp, everything about the sale in one.
    with django_assert_num_queries(5):
        till.client.get(reverse("till:sale"), headers={"HX-Request": "true"})
    # The product besides; the session is written in a savepoint of its own.
    with django_assert_num_queries(9):
        till.scan("tea")


def test_without_a_programme_the_till_says_so():
    till = Till()

    page, panel = till.get("sale"), till.scan("tea")

    assert page.status_code == 409
    assert "No points programme is set up yet" in text_of(page)
    assert panel.headers["HX-Redirect"] == reverse("till:sale")


def test_a_page_that_is_none_is_one_of_ours(till):
    page = till.client.get("/till/nowhere/")

    assert page.status_code == 404
    assert "There is no such page" in text_of(page)


def test_while_the_first_form_is_on_its_way_the_second_keeps_its_key(till, monkeypatch):
    till.scan("tea")
    said = form_of(till.get("pay"))

    def still_running(**_):
        raise IdempotencyInFlight

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(pay, "once", still_running)
        waiting = till.post("pay", **said)

    assert "still on its way" in text_of(waiting)
    assert form_of(waiting)["key"] == said["key"]


def test_another_form_with_a_spent_key_is_told_to_look_first(till):
    till.scan("tea")
    said = form_of(till.get("pay"))
    till.post("pay", **said)

    refused = till.post("pay", **(said | {"number": "other"}))

    assert refused.status_code == 422
    assert "This basket was sold already" in text_of(refused)
    assert Receipt.objects.count() == 1


def test_nothing_is_not_sold_even_when_a_page_asks_for_it(till):
    till.scan("tea")
    said = form_of(till.get("pay"))
    till.ask("sale-remove", lines_of(till)[0]["id"])

    refused = till.post("pay", **(said | {"due": "0"}))

    assert refused.status_code == 422
    assert "The basket is empty" in text_of(refused)
    assert not Receipt.objects.exists()
