"""A gift card from the order of a batch to a new customer, and all the way back.

Requirements rows 48 and 49.
"""

from __future__ import annotations

import pytest

from members.models import Receipt
from rewards.models import GiftCard, GiftCardBatch, Wallet
from rewards.rules import gift_numbers
from rewards.services.audit_ledger import audit_ledger
from rewards.services.gift_cards import issuing
from rewards.services.gift_cards.batches import make_next
from rewards.services.gift_cards.keys import key
from rewards.services.gift_cards.liability import liability
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.till_client import ALL, Till, line, purchase, usd
from tests.staff import at_desk

pytestmark = pytest.mark.django_db


def test_a_card_is_ordered_sold_spent_by_somebody_new_and_given_back():
    make_programme()
    store = StoreFactory(code="S1")
    till = Till(*ALL, "gift:activate", "gift:redeem")
    marketer, boss = at_desk("marketer"), at_desk("admin")

    # Two people order printed stock, a job makes it.
    form = marketer.get("/admin/rewards/giftcardbatch/add/").context["form"]
    asked = {"name": "Stock", "reason": "Christmas", "wanted": 2, "key": form["key"].value()}
    assert marketer.post("/admin/rewards/giftcardbatch/add/", asked).status_code == 302
    at = f"/admin/rewards/giftcardbatch/{GiftCardBatch.objects.get().pk}"
    assert marketer.post(f"{at}/decide/", {"approve": "1"}).status_code == 422
    assert boss.post(f"{at}/decide/", {"approve": "1"}).status_code == 302
    assert make_next() == 2

    # The numbers leave once, encrypted.
    shown = marketer.post(f"{at}/passphrase/").context["passphrase"]
    archive = marketer.post(f"{at}/download/", {"passphrase": shown})
    assert b"".join(archive.streaming_content).startswith(b"PK")
    assert marketer.post(f"{at}/download/", {"passphrase": shown}).status_code == 422

    # Sold for 50.00: owed, not earned.
    card = GiftCard.objects.first()
    sold = {"amount": usd(50_00), "source_ref": "R-100"}
    assert till.post(f"gift-cards/{card.public_id}/activate", sold).status_code == 200
    assert [one.owed_minor for one in liability()] == [50_00]
    assert not Receipt.objects.exists()

    # The recipient pays without a card and is asked to join; then with one.
    tender = {
        "kind": "gift_card", "amount": usd(20_00),
        "gift_card": {"number": issuing.number_of(card.public_id), "pin": pin(card)},
    }  # fmt: skip
    first = sell(till, store, "R-1", tender)
    assert first["gift_cards"][0]["offer_enrolment"] is True
    member = CardFactory()
    second = sell(till, store, "R-2", tender, card=member)
    assert second["gift_cards"][0]["offer_enrolment"] is False
    card.refresh_from_db()
    assert card.holder == member.member
    brought = marketer.get("/admin/rewards/giftcard/brought/")
    assert [bar["count"] for bar in brought.context["bars"][:3]] == [1, 1, 1]

    # Everything is taken back: the goods, then the card itself.
    for done in (first, second):
        answer = till.post(f"purchases/{done['id']}/void", {})
        assert answer.json()["refund"]["to_pay"] == usd(0)
    assert Wallet.objects.get(pk=card.wallet_id).posted == 50_00
    back = {"sale_ref": "R-100", "source_ref": "B-100"}
    paid = till.post(f"gift-cards/{card.public_id}/refund", back).json()
    assert paid["amount"] == usd(-50_00)
    assert sum(one.owed_minor for one in liability()) == 0
    assert not any(one.count for one in audit_ledger())


def pin(card):
    return gift_numbers.pin_of(key(), str(card.public_id))


def sell(till, store, number, tender, **details):
    body = purchase(store, number, line("tea", 20_00), tenders=[tender], **details)
    answer = till.post("purchases", body)
    assert answer.status_code == 201, answer.content
    return answer.json()
