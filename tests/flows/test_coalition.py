"""A mall and an insurer: points given here are taken there, and it comes out who owes whom.

Requirements rows 10, 40, 41 through the partners' own keys and the back office.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty_crm.kernel import clock
from rewards.models import Partner, PartnerOffer, Settlement, Wallet
from rewards.services.audit_ledger import audit_ledger
from rewards.services.partners import reports, settling
from tests.api import Integrator, new_key
from tests.factories.members import CardFactory
from tests.factories.promotions import make_programme
from tests.rewards.partner_tools import Mall, long_ago, today
from tests.staff import at_desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _programme():
    make_programme()


def books_agree():
    assert not any(one.count for one in audit_ledger())
    assert all(settling.tie_out(one).difference == 0 for one in Partner.objects.all())


def key(page):
    return page.context["form"]["key"].value()


def send(desk, address, **typed):
    """A form of the back office, with the hidden key of its page."""
    page = desk.get(address)
    assert page.status_code == 200, page.content[:400]
    answer = desk.post(address, {**typed, "key": str(key(page))})
    assert answer.status_code == 302, answer.content[-3000:]


def posted(card):
    return Wallet.objects.get(member=card.member).posted


def test_a_mall_of_two_shops_row_10():
    shoes, books = Mall("shoes"), Mall("books")
    card = CardFactory()

    bought = shoes.earn(card, 250_00, occurred_at=long_ago(2))
    shoes.earn(card, 50_00, occurred_at=long_ago(2))
    paid = books.burn(card, 200, occurred_at=long_ago(1))
    assert posted(card) == 100
    owed = {one.name: one.net_minor for one in reports.owed_by_partner()}
    # 300 points cost Shoes 3.00; 200 points bring Books 1.80; the programme keeps the rest.
    assert owed == {"Shoes": 3_00, "Books": -1_80}

    # Both come back: the points stand where they stood, and nobody owes for them.
    books.reverse(paid)
    shoes.reverse(bought)
    assert posted(card) == 50
    owed = {one.name: one.net_minor for one in reports.owed_by_partner()}
    assert owed == {"Shoes": 50, "Books": 0}
    books_agree()


def test_an_offer_of_a_partner_row_40():
    cafe, marketer = Mall("cafe"), at_desk("marketer")
    at = "/admin/rewards/partneroffer"
    send(marketer, f"{at}/add/", partner=cafe.partner.pk, title="A free coffee", per_member=1)
    offer = PartnerOffer.objects.get()
    send(marketer, f"{at}/{offer.pk}/codes/", codes="COFFEE-1\nCOFFEE-2\nCOFFEE-1")
    send(marketer, f"{at}/{offer.pk}/move/live/")
    assert b"A free coffee" in marketer.get(f"{at}/{offer.pk}/change/").content

    shop, card = app(), CardFactory()
    take = {"member": {"card": card.number}}
    taken = shop.post(f"/api/v1/partner-offers/{offer.public_id}/take", take, key="t1")
    again = shop.post(f"/api/v1/partner-offers/{offer.public_id}/take", take, key="t2")
    assert (taken.status_code, again.json()["code"]) == (201, "partner_offer_closed")

    code = taken.json()["code"]
    used = cafe.post("codes/confirm", code=code, reference="R-1", store="cafe-1")
    repeat = cafe.post("codes/confirm", code=code, reference="R-1", store="cafe-1")
    other = cafe.post("codes/confirm", code=code, reference="R-2")
    stranger = Mall("books").post("codes/confirm", code=code, reference="R-1")
    assert used.json()["redeemed_at"] == repeat.json()["redeemed_at"] is not None
    assert other.json()["code"] == stranger.json()["code"] == "partner_code_unusable"
    books_agree()


def app():
    return Integrator(new_key("offers:take"))


def test_a_firm_without_shops_settles_row_41():
    """Points for a policy, spent at a café; the month is settled by two people."""
    insurer = Mall(
        "insurer", events={"policy_renewed": 500, "claim_free_year": 300}, may_burn=False
    )
    cafe, card = Mall("cafe"), CardFactory()

    renewed = insurer.earn(card, 0, event="policy_renewed", store=None, occurred_at=long_ago(5))
    insurer.earn(card, 0, event="claim_free_year", store=None, occurred_at=long_ago(5))
    cafe.burn(card, 600, occurred_at=long_ago(4))
    assert posted(card) == 200

    marketer, boss = at_desk("marketer"), at_desk("admin")
    last = today() - timedelta(days=1)
    for one in (insurer, cafe):
        send(marketer, f"/admin/rewards/partner/{one.partner.pk}/settle/", last_day=last)
    of_insurer, of_cafe = Settlement.objects.order_by("id")
    page = marketer.get(f"/admin/rewards/settlement/{of_insurer.pk}/change/")
    assert b"another person" in page.content
    for one in (of_insurer, of_cafe):
        send(boss, f"/admin/rewards/settlement/{one.pk}/approve/")
        for kind in ("pdf", "xlsx"):
            file = boss.get(f"/admin/rewards/settlement/{one.pk}/statement.{kind}")
            assert file.status_code == 200
            assert len(file.content) > 2_000
    of_insurer.refresh_from_db()
    of_cafe.refresh_from_db()
    assert (of_insurer.net_minor, of_cafe.net_minor) == (8_00, -5_40)

    # The renewal is called off after closing: it stands in the next period.
    insurer.reverse(renewed)
    of_insurer.refresh_from_db()
    assert of_insurer.net_minor == 8_00
    assert {one.name: one.net_minor for one in reports.owed_by_partner()}["Insurer"] == -5_00
    assert posted(card) == -300
    books_agree()


def test_the_back_office_agrees_on_terms_and_takes_money():
    marketer = at_desk("marketer")
    send(marketer, "/admin/rewards/partner/add/", name="Gym", code="gym", is_active="on")
    gym = Partner.objects.get()
    at = f"/admin/rewards/partner/{gym.pk}"
    agreed = {
        "starts_on": clock.now().date(), "mode": "prepaid", "may_earn": "on", "may_burn": "on",
        "earn_points": 2, "earn_minor": "1.00", "events": "visit = 50", "earn_price_minor": "10.00",
        "earn_share_percent": 50, "burn_price_minor": "9.00", "burn_share_percent": 100,
    }  # fmt: skip
    send(marketer, f"{at}/contract/", **agreed)
    contract = gym.contracts.get()
    send(marketer, f"/admin/rewards/partner/contract/{contract.pk}/start/")
    send(marketer, f"{at}/deposit/", amount="100.00", reference="wire 1")
    gym.account.refresh_from_db()
    assert gym.account.prepaid_minor == 100_00
    page = marketer.get(f"{at}/change/").content.decode()
    assert "visit = 50" in page
    wrong = marketer.post(f"{at}/contract/", {**agreed, "events": "nonsense", "key": "0" * 32})
    assert wrong.status_code == 422
    assert at_desk("analyst").get(f"{at}/deposit/").status_code == 403
