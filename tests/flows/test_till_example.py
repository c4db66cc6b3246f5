"""The worked example of docs/integrators.md, figure by figure."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rewards.rules import definitions
from rewards.services import rule_sets
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, basket, line, purchase, usd

pytestmark = pytest.mark.django_db
DOC = Path(__file__).resolve().parents[2] / "docs" / "integrators.md"


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    rule_sets.forget()
    yield
    rule_sets.forget()


def amounts(lines, name):
    return [each[name]["amount"] for each in lines]


def test_the_example_of_the_docs_is_what_happens():
    programme = make_programme()
    off = {"kind": "percent_off", "basis_points": 1000}
    make_promotion(programme, "tea-week", off, goods={"include": {"skus": ["tea"]}})
    shop, card, till = StoreFactory(code="S1"), CardFactory(), Till()
    till.post("purchases", purchase(shop, "R-0", line("rice", 500_00), card=card))
    lines = [line("tea", 4_99, "3"), line("cheese", 18_90, "0.75")]

    quoted = till.post(
        "quotes", basket(shop, *lines, card=card, redeem={"points": 500}), key=None
    ).json()
    assert amounts(quoted["lines"], "gross") == [14_97, 14_18]
    assert amounts(quoted["lines"], "discount") == [1_50, 0]
    assert amounts(quoted["lines"], "points_paid") == [2_44, 2_56]
    assert quoted["totals"] == {
        "gross": usd(29_15), "discount": usd(1_50), "points_paid": usd(5_00), "total": usd(22_65),
        "tax": usd(0), "tax_added": usd(0),
    }  # fmt: skip
    assert (quoted["redeem"]["max_points"], quoted["redeem"]["bound"]) == (500, "balance")
    assert [each["points"] for each in quoted["lines"]] == [11, 11]

    body = purchase(
        shop, "R-1", *lines, card=card, redeem={"points": 500}, quote_id=quoted["quote_id"],
        tenders=[{"kind": "card", "amount": usd(22_65)}],
    )  # fmt: skip
    sold = till.post("purchases", body)
    assert sold.status_code == 201
    assert sold.json()["wallet"]["balance"] == 22

    back = till.post(
        f"purchases/{sold.json()['id']}/refunds",
        {"number": "B-1", "lines": [{"line": 1, "quantity": "1"}]},
    ).json()["refund"]
    assert (back["amount"], back["money"]) == (usd(4_49), usd(3_68))
    assert (back["points_given_back"], back["points_taken_back"]) == (81, 4)
    last = till.post("purchases", purchase(shop, "R-2", line("rice", 0), card=card))
    assert last.json()["wallet"]["balance"] == 99


def test_the_definition_of_the_docs_is_valid():
    section = DOC.read_text().split("## The programme and its promotions")[1]
    [example] = re.findall(r"```json\n(.*?)```", section, re.DOTALL)[:1]

    assert definitions.parse(json.loads(example)).effects


def test_the_docs_tell_these_figures():
    text = DOC.read_text()
    section = text[text.index("### A worked example") :]

    for figure in ("14.18", "1.50", "2.44", "2.56", "22.65", "4.49", "3.68", "81", "99"):
        assert figure in section, figure
