"""The state machine of a sale has no back doors (bar 16): every ordered pair of steps.

The table is the one of docs/integrators.md. ``capture`` takes the hold that the
sale was quoted with, ``reverse`` gives that hold up.
"""

from __future__ import annotations

import itertools

import pytest

from rewards.models import Hold, LedgerEntry, Wallet
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.till_client import Till, basket, line, purchase

pytestmark = pytest.mark.django_db

OK = "ok"
#: first step → second step → answer to the second one
TABLE = {
    "commit": {"commit": "duplicate", "void": OK, "refund": OK, "capture": "hold_resolved",
               "reverse": "hold_resolved"},
    "void": {"commit": "duplicate", "void": "duplicate", "refund": "purchase_voided",
             "capture": "hold_resolved", "reverse": "hold_resolved"},
    "refund": {"commit": "duplicate", "void": "void_window_closed",
               "refund": "refund_exceeds_original", "capture": "hold_resolved",
               "reverse": "hold_resolved"},
    "capture": {"commit": "hold_resolved", "void": "not_found", "refund": "not_found",
                "capture": "hold_resolved", "reverse": "hold_resolved"},
    "reverse": {"commit": "hold_resolved", "void": "not_found", "refund": "not_found",
                "capture": "hold_resolved", "reverse": OK},
}  # fmt: skip
NOBODY = "018f0000-0000-7000-8000-000000000000"


class Walk:
    """A quoted sale with 50 of 100 points on hold, and the five things that may happen to it."""

    def __init__(self):
        make_programme()
        self.till = Till("sales:read", "sales:write", "refunds:write", "holds:write")
        self.shop, self.card = StoreFactory(code="S1"), CardFactory()
        self.till.post("purchases", purchase(self.shop, "R-0", line("a", 100_00), card=self.card))
        asked = basket(
            self.shop, line("tea", 10_00), card=self.card, redeem={"points": 50}, reserve=True
        )
        self.quoted = self.till.post("quotes", asked, key="q").json()
        self.body = purchase(
            self.shop, "R-1", line("tea", 10_00), card=self.card, redeem={"points": 50},
            quote_id=self.quoted["quote_id"], hold_id=self.quoted["hold"]["id"],
        )  # fmt: skip
        self.sale = NOBODY
        self.steps = 0

    def commit(self):
        answer = self.till.post("purchases", self.body)
        self.sale = answer.json().get("id", self.sale)
        return answer

    def void(self):
        return self.till.post(f"purchases/{self.sale}/void", {})

    def refund(self):
        self.steps += 1
        return self.till.post(f"purchases/{self.sale}/refunds", {"number": f"B-{self.steps}"})

    def capture(self):
        body = {"amount": 50, "source_ref": f"pay-{self.steps}"}
        self.steps += 1
        return self.till.post(f"holds/{self.quoted['hold']['id']}/capture", body)

    def reverse(self):
        return self.till.post(f"holds/{self.quoted['hold']['id']}/void", {})


def outcome(answer):
    body = answer.json() if answer.content else {}
    if answer.status_code >= 400:
        return body["code"]
    return "duplicate" if body.get("duplicate_of_existing") else OK


@pytest.mark.parametrize(("first", "second"), list(itertools.product(TABLE, TABLE)))
def test_every_pair_of_steps_does_what_the_table_says(first, second):
    walk = Walk()
    if first in ("void", "refund"):
        assert outcome(walk.commit()) == OK
    assert outcome(getattr(walk, first)()) == OK
    entries = LedgerEntry.objects.count()

    answer = outcome(getattr(walk, second)())

    assert answer == TABLE[first][second]
    if answer != OK:
        assert LedgerEntry.objects.count() == entries
    wallet = Wallet.objects.get()
    assert wallet.held == 0
    assert Hold.objects.count() == 1
