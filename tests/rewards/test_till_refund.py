"""Refunds at the till: what is still returnable, the preview, the deed, and who may do how much."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from loyalty_crm.kernel import clock
from members.models import Receipt, ReceiptLine, Refund
from rewards.models import LedgerTx, Wallet
from tests.factories.members import CardFactory, ProductFactory, TerminalFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.till import Till, form_of, make_staff, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def till(programme):
    ProductFactory(sku="tea", name="Green tea", price_minor=2_50)
    ProductFactory(sku="cheese", name="Cheese", price_minor=10_00)
    return Till()


@pytest.fixture
def receipt(till, programme):
    """4 tea and 1.5 cheese for 25.00; 500 points paid 5.00 of it, 20 were earned."""
    card = CardFactory()
    WalletFactory(member=card.member, programme=programme, points=500)
    till.scan("4*tea", "1.5*cheese", card.number)
    till.ask("sale-points", points="500")
    till.pay()
    return Receipt.objects.get()


def test_a_receipt_is_found_by_its_number(till, receipt):
    found = till.post("refund", number=f" {receipt.number} ")

    page = text_of(till.client.get(found.url))
    assert f"Receipt {receipt.number}" in page
    assert "4 · $10.00" in page
    assert "1.5 · $15.00" in page


@pytest.mark.parametrize("number", ["", "nothing", "x" * 200])
def test_a_number_that_is_none_is_said(till, number):
    assert till.post("refund", number=number).status_code == 422


def test_the_preview_tells_everything_and_does_nothing(till, receipt):
    panel = text_of(
        till.ask("refund-preview", receipt.public_id, **{"what": "lines", "line-1": "2"})
    )

    assert "Value of the goods $5.00" in panel
    assert "Money back $4.00" in panel
    assert "Points given back +100" in panel
    assert "Points taken back −4" in panel
    assert "Balance afterwards 116" in panel
    assert not Refund.objects.exists()
    assert Wallet.objects.get().posted == 20


def test_chosen_goods_come_back(till, receipt):
    done = till.refund(
        receipt, **{"what": "lines", "line-1": "2", "line-2": "0.5", "reason": "stale"}
    )

    refund = Refund.objects.get()
    assert (refund.net_minor, refund.money_minor) == (10_00, 8_00)
    assert (refund.cashier, refund.reason) == ("cashier", "stale")
    assert Wallet.objects.get().posted == 20 + 200 - 8
    assert "Balance 212" in text_of(till.client.get(done.url))


def test_everything_that_is_left_comes_back_in_parts(till, receipt):
    till.refund(receipt, **{"what": "lines", "line-2": "0.7"})
    till.refund(receipt, what="amount", amount="3.33")
    till.refund(receipt, what="whole")

    receipt.refresh_from_db()
    assert receipt.state == Receipt.State.RETURNED
    assert Wallet.objects.get().posted == 500
    assert "Nothing of this receipt can come back" in text_of(
        till.get("refund-receipt", receipt.public_id)
    )


def test_the_same_form_twice_gives_back_once(till, receipt):
    panel = till.ask("refund-preview", receipt.public_id, **{"what": "lines", "line-1": "1"})
    said = form_of(panel)

    first = till.post("refund-do", receipt.public_id, **said)
    second = till.post("refund-do", receipt.public_id, **said)

    assert first.url == second.url
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"what": "lines", "line-1": "5"}, "at most 4"),
        ({"what": "lines", "line-1": "many"}, "A quantity is a number"),
        ({"what": "lines", "line-9": "1"}, "Nothing of this can come back"),
        ({"what": "amount", "amount": "25.01"}, "at most $25.00"),
        ({"what": "amount", "amount": "x"}, "An amount is a number"),
    ],
)
def test_what_cannot_come_back_is_said_and_nothing_happens(till, receipt, said, words):
    panel = till.ask("refund-preview", receipt.public_id, **said)

    assert panel.status_code == 422
    assert words in text_of(panel)
    assert not Refund.objects.exists()


def test_nothing_chosen_yet_is_no_fault(till, receipt):
    panel = till.ask("refund-preview", receipt.public_id, **{"what": "lines", "line-1": ""})

    assert panel.status_code == 200
    assert "Choose what comes back" in text_of(panel)


def test_a_sale_of_today_is_voided_as_if_it_had_never_been(till, receipt):
    till.refund(receipt, what="void")

    receipt.refresh_from_db()
    assert receipt.state == Receipt.State.VOIDED
    assert Wallet.objects.get().posted == 500


def test_a_sale_of_yesterday_is_not_voided(till, receipt):
    with time_machine.travel(clock.now() + timedelta(days=1)):
        page = till.get("refund-receipt", receipt.public_id)
        panel = till.ask("refund-preview", receipt.public_id, what="void")

    assert "Void the whole receipt" not in text_of(page)
    assert panel.status_code == 422
    assert not Refund.objects.exists()


def test_a_cashier_gives_back_only_so_much(till, receipt, settings):
    settings.CASHIER_REFUND_LIMIT_MINOR = 3_99

    panel = till.ask("refund-preview", receipt.public_id, **{"what": "lines", "line-1": "2"})

    assert panel.status_code == 422
    assert "at most $3.99" in text_of(panel)


def test_the_deed_asks_for_the_limit_again(till, receipt, settings):
    panel = till.ask("refund-preview", receipt.public_id, **{"what": "lines", "line-1": "2"})
    settings.CASHIER_REFUND_LIMIT_MINOR = 3_99

    refused = till.post("refund-do", receipt.public_id, **form_of(panel))

    assert refused.status_code == 422
    assert not Refund.objects.exists()
    assert not LedgerTx.objects.filter(op="refund").exists()


def test_a_store_manager_gives_back_more_and_voids_what_another_till_sold(till, receipt, settings):
    settings.CASHIER_REFUND_LIMIT_MINOR = 1
    neighbour = TerminalFactory(store=till.terminal.store)
    manager = Till(make_staff("manager", "store_manager"), neighbour)

    manager.refund(receipt, what="void")

    assert Refund.objects.get().kind == "void"


def test_a_cashier_voids_only_what_the_own_till_sold(till, receipt):
    neighbour = Till(make_staff("second"), TerminalFactory(store=till.terminal.store))

    panel = neighbour.ask("refund-preview", receipt.public_id, what="void")

    assert panel.status_code == 422
    assert "Another till sold this" in text_of(panel)


@pytest.mark.parametrize("page", ["refund-receipt", "refund-preview", "refund-do"])
def test_receipts_of_other_stores_are_not_found(till, receipt, page):
    stranger = Till(make_staff("stranger"))
    ask = stranger.get if page == "refund-receipt" else stranger.ask

    assert ask(page, receipt.public_id).status_code == 404
    assert stranger.post("refund", number=receipt.number).status_code == 422


def test_the_own_shift_is_reported_and_nobody_elses(till, receipt):
    till.refund(receipt, **{"what": "lines", "line-1": "2"})
    shift = till.user.shifts.get()

    report = text_of(till.get("shift-report", shift.pk))

    assert "Receipts 1 of them with a card 1 Sold $20.00 cash $20.00 1 refund −$4.00" in report
    assert "Points earned +20 Points spent −500" in report
    assert Till(make_staff("second")).get("shift-report", shift.pk).status_code == 404


def test_lines_without_value_come_back_too(till):
    till.scan("sample=0")
    till.pay()
    receipt = Receipt.objects.get()

    till.refund(receipt, **{"what": "lines", "line-1": "1"})

    assert ReceiptLine.objects.get().refunded_quantity_milli == 1000
