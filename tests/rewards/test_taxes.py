"""Taxes in the prices and on top of them, to the last minor unit, from quote to last return."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.models import Receipt, ReceiptLine, RefundLine
from rewards.models import Programme
from rewards.rules.returns import SoldLine, after, return_amount, return_quantity, return_rest
from rewards.rules.taxes import Taxable, tax_lines, tax_of
from rewards.services import rule_sets
from tests.factories.members import CardFactory, ProductFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, basket, line, purchase, usd

RATES = st.sampled_from([0, 500, 700, 1000, 1900, 2000, 10_000])
MODES = st.sampled_from(["included", "on_top"])
LINES = st.lists(st.builds(Taxable, st.integers(0, 10**6), RATES), min_size=1, max_size=12)


@given(LINES, MODES)
def test_line_taxes_add_up_to_the_tax_of_their_rate(lines, mode):
    taxes = tax_lines(lines, mode)

    nets, sums = defaultdict(int), defaultdict(int)
    for one, tax in zip(lines, taxes, strict=True):
        nets[one.basis_points] += one.net_minor
        sums[one.basis_points] += tax
    assert sums == {rate: tax_of(net, rate, mode) for rate, net in nets.items()}
    assert all(0 <= tax <= one.net_minor for one, tax in zip(lines, taxes, strict=True))


@given(LINES, MODES)
def test_no_line_is_a_minor_unit_away_from_its_own_tax(lines, mode):
    against = 10_000 if mode == "on_top" else 0
    for one, tax in zip(lines, tax_lines(lines, mode), strict=True):
        denominator = against or 10_000 + one.basis_points
        assert abs(tax * denominator - one.net_minor * one.basis_points) < 2 * denominator


@given(st.integers(0, 10**6), st.integers(1, 9), RATES, MODES, st.data())
def test_the_taxes_of_any_parts_that_come_back_add_up_to_the_whole(net, pieces, rate, mode, data):
    [tax] = tax_lines([Taxable(net, rate)], mode)
    line_ = SoldLine(line_no=1, sku="a", quantity_milli=pieces * 1000, net_minor=net, tax_minor=tax)
    back = []
    while not line_.is_gone:
        if data.draw(st.booleans()) and line_.quantity_left:
            part = return_quantity(line_, data.draw(st.integers(1, line_.quantity_left)))
        elif line_.net_left and data.draw(st.booleans()):
            part = return_amount(line_, data.draw(st.integers(1, line_.net_left)))
        else:
            part = return_rest(line_)
        back.append(part)
        [line_] = after([line_], [part])
    assert sum(part.tax_minor for part in back) == tax
    assert all(part.tax_minor >= 0 for part in back)


# Through the API


@pytest.fixture
def shop(db):
    make_programme(tax_basis_points=2000)
    ProductFactory(sku="bread", tax_basis_points=1000)
    ProductFactory(sku="book", tax_basis_points=0)
    ProductFactory(sku="tea")
    return StoreFactory(code="S1")


@pytest.fixture
def on_top(shop):
    Programme.objects.update(tax_mode="on_top")
    return shop


GOODS = [
    line("tea", 3_33, line=1),
    line("unknown", 3_34, line=2),
    line("bread", 1_15, line=3),
    line("book", 9_99, line=4),
]


def taxes(body):
    return [one["tax"]["amount"] for one in body["lines"]]


def test_prices_hold_their_tax(shop):
    quoted = Till().post("quotes", basket(shop, *GOODS), key=None).json()

    # 6.67 at 20 %: 1.1117, so 1.11, of which 3.33 hold 0.5542 and 3.34 0.5558: the larger
    # remainder gets the odd unit. 1.15 at 10 %: 0.1045.
    assert taxes(quoted) == [55, 56, 10, 0]
    assert quoted["totals"] == {
        "gross": usd(17_81), "discount": usd(0), "points_paid": usd(0), "tax": usd(1_21),
        "tax_added": usd(0), "total": usd(17_81),
    }  # fmt: skip
    assert [one["tax_rate"] for one in quoted["lines"]] == [2000, 2000, 1000, 0]


def test_tax_on_top_is_paid_and_tendered(on_top):
    till = Till()
    body = purchase(on_top, "R-1", *GOODS)

    short = till.post("purchases", {**body, "tenders": [{"kind": "cash", "amount": usd(17_81)}]})
    sold = till.post("purchases", {**body, "tenders": [{"kind": "cash", "amount": usd(19_26)}]})

    # 6.67 x 20 % = 1.334; 3.33 has 0.666 of 1.33, 3.34 has 0.668. 1.15 x 10 % = 0.115, half up.
    assert (short.status_code, short.json()["code"]) == (422, "tenders_mismatch")
    assert taxes(sold.json()) == [66, 67, 12, 0]
    assert sold.json()["totals"]["tax_added"] == usd(1_45)
    assert sold.json()["totals"]["total"] == usd(19_26)
    receipt = Receipt.objects.get()
    assert (receipt.tax_minor, receipt.tax_added_minor, receipt.total_minor) == (145, 145, 19_26)
    kept = ReceiptLine.objects.order_by("line_no").values_list("tax_basis_points", "tax_minor")
    assert list(kept) == [(2000, 66), (2000, 67), (1000, 12), (0, 0)]


def test_tax_is_counted_after_discounts_and_points_earn_without_it(on_top):
    card = CardFactory()
    make_promotion(
        rule_sets.default_programme(), "off", {"kind": "percent_off", "basis_points": 1000}
    )

    sold = Till().post("purchases", purchase(on_top, "R-1", line("tea", 10_00), card=card)).json()

    # 10.00 less 10 % is 9.00; 20 % on it 1.80; one point for each 1.00 of 9.00.
    assert (sold["totals"]["tax"], sold["totals"]["total"]) == (usd(1_80), usd(10_80))
    assert sold["points"]["earned"] == 9


def test_points_pay_for_goods_and_never_for_tax(on_top):
    card, till = CardFactory(), Till()
    till.post("purchases", purchase(on_top, "R-1", line("tea", 1000_00), card=card))

    body = basket(on_top, line("tea", 10_00), card=card, redeem={"points": 500})
    quoted = till.post("quotes", body, key=None).json()

    # Half of 10.00 at most; the tax of 2.00 stays, all of it in money.
    assert quoted["redeem"]["max_amount"] == usd(5_00)
    assert (quoted["totals"]["tax"], quoted["totals"]["total"]) == (usd(2_00), usd(7_00))


@pytest.mark.parametrize(
    ("mode", "moneys", "taxes_back"),
    [("included", [3_33, 3_34, 3_33], [56, 55, 56]), ("on_top", [4_00, 4_00, 4_00], [67, 66, 67])],
)
def test_parts_give_back_all_the_tax(shop, mode, moneys, taxes_back):
    Programme.objects.update(tax_mode=mode)
    till = Till()
    sold = till.post("purchases", purchase(shop, "R-1", line("tea", 3_33, "3", gross=usd(10_00))))
    url = f"purchases/{sold.json()['id']}/refunds"

    back = [
        till.post(url, {"number": f"B-{n}", "lines": [{"line": 1, "quantity": "1"}]}).json()
        for n in range(3)
    ]

    # 10.00: 1.67 in it, or 2.00 on top. Counted from the first piece on: 3.33 of 10.00 hold
    # 0.556, 6.67 of them 1.114 (less the 0.56 before), and all of them 1.67 (less 1.11).
    told = [(one["refund"]["money"]["amount"], one["refund"]["tax"]["amount"]) for one in back]
    assert [money for money, _ in told] == moneys
    assert [tax for _, tax in told] == taxes_back
    assert sum(moneys) == sold.json()["totals"]["total"]["amount"]
    assert sum(taxes_back) == sold.json()["totals"]["tax"]["amount"]
    assert list(RefundLine.objects.order_by("pk").values_list("tax_minor", flat=True)) == taxes_back


def test_a_quote_is_stale_when_the_tax_has_changed(shop):
    till = Till()
    quoted = till.post("quotes", basket(shop, *GOODS), key=None).json()
    Programme.objects.update(tax_basis_points=1900)

    late = till.post("purchases", purchase(shop, "R-1", *GOODS, quote_id=quoted["quote_id"]))

    assert (late.status_code, late.json()["code"]) == (409, "quote_stale")
