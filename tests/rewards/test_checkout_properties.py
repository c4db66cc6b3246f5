"""Through the API, with promotions of any wording: returns of any partition (bar 12), and quotes
that hold or say why not (bar 51).

`make test` tries a few; `make long` hundreds, and ``FUZZ_EXAMPLES`` any number.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from django.db import transaction
from hypothesis import assume
from hypothesis import strategies as st

from loyalty_crm.kernel.errors import DomainError
from members.models import Card
from rewards.models import Programme, Promotion, Wallet
from rewards.services import promotions, rule_sets
from rewards.services.audit_ledger import audit_ledger
from tests.factories.members import (
    BrandFactory,
    CardFactory,
    CategoryFactory,
    ProductFactory,
    StoreFactory,
)
from tests.factories.promotions import SYSTEM, make_programme, make_promotion
from tests.rewards.rule_examples import ROUNDINGS, SKUS
from tests.rewards.test_rules_properties import for_all
from tests.rewards.till_client import ALL, Till, basket, line, purchase, usd
from tests.rewards.wording_examples import effects, wordings

pytestmark = pytest.mark.django_db
FEW = int(os.environ.get("FUZZ_EXAMPLES", "10"))
EXAMPLES = pytest.mark.parametrize("examples", [FEW, pytest.param(400, marks=pytest.mark.long)])
_numbers = count(1)

OFFERS = st.lists(st.tuples(wordings(), effects()), min_size=1, max_size=4)
LINES = st.lists(
    st.builds(
        lambda sku, price, quantity, off: line(sku, price, quantity, discount=usd(off % price)),
        st.sampled_from(SKUS), st.integers(1, 20_000),
        st.sampled_from(["1", "2", "5", "0.345"]), st.sampled_from([0, 0, 70]),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@pytest.fixture
def till():
    return Till(*ALL, "members:read")


@pytest.fixture
def shop():
    make_programme()
    drinks = CategoryFactory(code="drinks", parent=CategoryFactory(code="food"))
    leaf = BrandFactory(code="Leaf")
    for sku in SKUS[:3]:
        ProductFactory(sku=sku, category=drinks, brand=leaf)
    return StoreFactory(code="S1")


@contextmanager
def undone() -> Iterator[None]:
    """One example: the books agree at its end, and nothing of it stays."""
    with transaction.atomic():
        yield
        assert {each.check: each.found for each in audit_ledger() if each.count} == {}
        transaction.set_rollback(True)
    rule_sets.forget()


def publish(offers, terms) -> int:
    """The offers that the shop accepts go live; how many those are."""
    Programme.objects.update(**terms)
    rule_sets.forget()
    programme, live = rule_sets.default_programme(), 0
    for number, (wording, given) in enumerate(offers, start=2):
        parts = {**wording, "effects": given}
        try:
            with transaction.atomic():
                promotion = promotions.create(
                    programme=programme, code=f"r{number}", name=f"Offer {number}", actor=SYSTEM
                )
                promotions.publish(promotion=promotion, definition=parts, actor=SYSTEM)
        except DomainError:
            continue
        live += 1
    return live


def rich(till, shop) -> Card:
    """A member with 3 000 points."""
    card = CardFactory()
    body = purchase(shop, f"first-{next(_numbers)}", line("bag", 3_000_00), card=card)
    assert till.post("purchases", body).status_code == 201
    return card


def sell(till, shop, card, lines, redeem=0):
    """Buy, and pay with so many points as were asked for, at the most that may pay."""
    whole = basket(shop, *lines, card=card)
    quoted = till.post("quotes", whole, key=None).json()
    # Of a few grams the cashier can't take off more than they cost: the till is told so.
    assume(quoted.get("code") != "line_mismatch")
    most = quoted["redeem"]["max_points"]
    number = f"R-{next(_numbers)}"
    paid = {"redeem": {"points": min(redeem, most)}} if min(redeem, most) else {}
    response = till.post("purchases", purchase(shop, number, *lines, card=card, **paid))
    assert response.status_code == 201, response.content
    return response.json()


def give_back(till, sold, part):
    body = {"number": f"B-{next(_numbers)}", **part}
    response = till.post(f"purchases/{sold['id']}/refunds", body)
    assert response.status_code == 201, response.content
    return response.json()["refund"]


def a_part(draw, shown):
    """Pieces or an amount of one line, an amount of the receipt, or one whole line."""
    open_lines = [one for one in shown["lines"] if left_of(one)]
    each = draw(st.sampled_from(open_lines))
    ways = ["line"]
    if each["net"]["amount"] > each["returned"]["amount"]:
        ways += ["amount", "receipt"]
    if float(each["quantity"]) - float(each["returned_quantity"]) >= 1:
        ways += ["piece", "piece"]
    way = draw(st.sampled_from(ways))
    if way == "piece":
        return {"lines": [{"line": each["line"], "quantity": "1"}]}
    if way == "line":
        return {"lines": [{"line": each["line"]}]}
    most = each["net"]["amount"] - each["returned"]["amount"]
    amount = usd(draw(st.integers(1, most)))
    return {"amount": amount} if way == "receipt" else {
        "lines": [{"line": each["line"], "amount": amount}]
    }  # fmt: skip


def left_of(one) -> bool:
    if one["net"]["amount"]:
        return one["net"]["amount"] > one["returned"]["amount"]
    return one["quantity"] != one["returned_quantity"]


def sums(refunds) -> dict[str, int]:
    names = ("points_taken_back", "points_given_back")
    found = {name: sum(one[name] for one in refunds) for name in names}
    return found | {"money": sum(one["money"]["amount"] for one in refunds)}


def awards_back(refunds) -> int:
    return sum(one["amount"] for each in refunds for one in each["awards_taken_back"])


@EXAMPLES
def test_any_partition_of_a_return_ends_as_one_full_return(examples, till, shop):
    def holds(data, offers, lines, redeem, rounding):
        with undone():
            publish(offers, {"rounding": rounding})
            card = rich(till, shop)
            before = Wallet.objects.get(member=card.member).posted
            sold = sell(till, shop, card, lines, redeem)
            whole = once(till, sold)
            refunds = []
            for _ in range(5):
                shown = till.get(f"purchases/{sold['id']}").json()
                if not any(left_of(one) for one in shown["lines"]):
                    break
                refunds.append(give_back(till, sold, a_part(data.draw, shown)))
                assert sums(refunds)["points_taken_back"] <= sold["points"]["earned"]
            shown = till.get(f"purchases/{sold['id']}").json()
            if any(left_of(one) for one in shown["lines"]):
                refunds.append(give_back(till, sold, {}))

            assert sums(refunds) == sums([whole])
            assert sums(refunds)["money"] == sold["totals"]["total"]["amount"]
            assert awards_back(refunds) == awards_back([whole])
            kept = till.get(f"purchases/{sold['id']}").json()
            assert kept["state"] == "returned"
            assert kept["points"]["taken_back"] == sold["points"]["earned"]
            assert Wallet.objects.get(member=card.member).posted == before

    drawn = (st.data(), OFFERS, LINES, st.integers(0, 3_000), ROUNDINGS)
    for_all(examples, holds, *drawn)


def once(till, sold):
    """What one full return would give, without giving it."""
    with transaction.atomic():
        whole = give_back(till, sold, {})
        transaction.set_rollback(True)
    return whole


CHANGES = st.lists(
    st.sampled_from(["publish", "pause", "spend", "block", "other basket", "nothing"]), max_size=3
)


def change(kind, till, shop, card, offer) -> None:
    """What may happen between a quote and the sale."""
    if kind == "publish":
        make_promotion(
            rule_sets.default_programme(), f"new-{next(_numbers)}",
            {"kind": "percent_off", "basis_points": offer},
        )  # fmt: skip
    elif kind == "pause":
        live = Promotion.objects.filter(code__startswith="r", versions__state="live").first()
        if live:
            promotions.pause(promotion=live, actor=SYSTEM)
    elif kind == "spend":
        sell(till, shop, card, [line("bag", 60_00)], 2_990)
    elif kind == "block":
        Card.objects.filter(pk=card.pk).update(status="blocked", reason="lost")
    elif kind == "other basket":
        sell(till, shop, card, [line("rice", 10_00)])


def told(answer) -> dict:
    """The numbers that the customer was told, and was charged."""
    totals, points = answer["totals"], answer["points"]
    per_line = [
        (one["line"], one["discount"], one["points_paid"], one["points"]) for one in answer["lines"]
    ]
    awards = [(one["kind"], one["code"], one["amount"]) for one in answer["awards"]]
    earned = points["earn"] if "earn" in points else points["earned"]
    return {"totals": totals, "earned": earned, "lines": per_line, "awards": awards}


@EXAMPLES
def test_a_sale_charges_what_was_quoted_or_says_that_the_quote_is_stale(examples, till, shop):
    seen = {"same": 0, "stale": 0}

    def holds(offers, lines, redeem, changes, offer):
        with undone():
            publish(offers, {"rounding": "down"})
            card = rich(till, shop)
            asked = basket(shop, *lines, card=card)
            most = till.post("quotes", asked, key=None).json()["redeem"]["max_points"]
            points = {"redeem": {"points": min(redeem, most)}} if min(redeem, most) else {}
            quoted = till.post("quotes", {**asked, **points}, key=None).json()
            for kind in changes:
                with_block_last = kind == "block" and kind is not changes[-1]
                if not with_block_last:
                    change(kind, till, shop, card, offer)
            sale = purchase(shop, f"R-{next(_numbers)}", *lines, card=card, **points)

            answer = till.post("purchases", {**sale, "quote_id": quoted["quote_id"]})

            for _ in range(2):
                if answer.status_code != 409 or answer.json()["code"] != "quote_stale":
                    break
                seen["stale"] += 1
                quoted = answer.json()["params"]["quote"]
                paid = quoted["redeem"]["points"]
                sale = {**sale, "redeem": {"points": paid}} if points else sale
                answer = till.post("purchases", {**sale, "quote_id": quoted["quote_id"]})
            if answer.status_code == 201:
                seen["same"] += 1
                assert told(answer.json()) == told(quoted)
            else:
                assert answer.json()["code"] in {"card_blocked", "card_inactive"}
                assert "block" in changes

    drawn = (OFFERS, LINES, st.sampled_from([0, 0, 500, 2_000]), CHANGES, st.integers(1, 5_000))
    for_all(examples, holds, *drawn)
    assert seen["same"]
    assert seen["stale"] or examples < FEW
