"""Gift cards at the web till: used on the payment page, taken out, given back by a return."""

from __future__ import annotations

import pytest

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt
from rewards.models import GiftCardPayment
from rewards.services import gift_cards
from tests.factories.members import CardFactory, ProductFactory
from tests.factories.promotions import make_programme
from tests.rewards.test_gift_tenders import balance, number, sold_card
from tests.till import Till

pytestmark = pytest.mark.django_db


@pytest.fixture
def till():
    make_programme()
    ProductFactory(sku="tea", price_minor=50_00)
    desk = Till()
    desk.scan("tea")
    return desk


def use(till, card, pin=""):
    return till.post("pay-gift-card", number=number(card), pin=pin)


def test_a_card_pays_a_part_and_cash_the_rest(till):
    card = sold_card(20_00)
    use(till, card)
    assert balance(card) == (20_00, 20_00)
    page = till.get("pay").content.decode()
    assert "30.00" in page

    sold = till.pay(cash="30.00")

    assert sold.status_code == 302, sold.content.decode()
    receipt = Receipt.objects.get()
    assert {(one.kind, one.amount_minor) for one in receipt.tenders.all()} == {
        ("gift_card", 20_00), ("cash", 30_00),
    }  # fmt: skip
    assert balance(card) == (0, 0)
    done = till.client.get(sold.url).content.decode()
    assert card.last4 in done
    assert "offer a card of the programme" in done


def test_two_cards_pay_it_all(till):
    first, second = sold_card(20_00), sold_card(90_00)
    use(till, first)
    use(till, second)
    assert till.pay(cash="").status_code == 302
    assert (balance(first), balance(second)) == ((0, 0), (60_00, 0))


def test_a_card_is_taken_out_and_free_again(till):
    card = sold_card(20_00)
    for _ in range(2):
        use(till, card)
        assert balance(card) == (20_00, 20_00)
    for _ in range(2):
        till.post("pay-gift-card-remove", card=str(card.public_id))
        assert balance(card) == (20_00, 0)


def test_what_is_wrong_is_said_and_keeps_the_basket(till):
    blocked = sold_card(20_00)
    gift_cards.block(card=blocked, reason="stolen", actor=SYSTEM)
    till.post("pay-gift-card", number="0000000000", pin="")
    assert "No gift card is known" in till.get("pay").content.decode()
    use(till, blocked)
    assert "not in the state" in till.get("pay").content.decode()
    till.post("pay-gift-card", number="", pin="")
    assert "number of the gift card" in till.get("pay").content.decode()
    assert not GiftCardPayment.objects.exists()


def test_a_card_that_was_blocked_meanwhile_stops_the_sale(till):
    card = sold_card(20_00)
    use(till, card)
    till.get("pay")
    gift_cards.block(card=card, reason="chargeback", actor=SYSTEM)
    refused = till.pay(cash="30.00")
    assert refused.status_code == 422
    assert not Receipt.objects.exists()
    # The page begins anew: all of it is to be paid otherwise.
    assert till.pay(cash="50.00").status_code == 302


def test_goods_that_come_back_go_to_the_card_first(till):
    card = sold_card(20_00)
    till.ask("sale-member", entry=CardFactory().number)
    use(till, card)
    till.pay(cash="30.00")
    receipt = Receipt.objects.get()
    shown = till.ask("refund-preview", receipt.public_id, what="void").content.decode()
    assert f"Back on gift card …{card.last4}" in shown
    assert "30.00" in shown
