"""Rewards at the web till: seen, taken, fetched by a code, taken back; services used."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Redemption, RewardStock, ServiceUse
from rewards.services import redemptions
from tests.factories.catalogue import make_reward, make_service
from tests.factories.members import CardFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.till import Till, make_staff, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def till(programme):
    return Till()


@pytest.fixture
def member(programme, till):
    card = CardFactory(member__name="Anna Petrova")
    WalletFactory(member=card.member, programme=programme, points=500)
    till.ask("sale-member", member=str(card.member.public_id))
    till.scan(card.number)
    assert till.client.session["till_basket"]["member"] == str(card.member.public_id)
    return card.member


def form(page, action):
    """The hidden fields of the form that goes to an address."""
    html = page.content.decode()
    part = html[html.index(f'action="{action}"') :]
    part = part[: part.index("</form>")]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', part))


def test_a_reward_is_taken_and_handed_over_by_one_click_each(till, programme, member):
    make_reward(programme, "mug", price_points=200, stock=2)
    make_reward(programme, "car", price_points=537)
    page = till.get("rewards")
    assert "37 points more" in text_of(page)
    assert "P***" in text_of(page) or "Anna" in text_of(page)

    fields = form(page, reverse("till:reward-take"))
    shown = till.post("reward-take", **fields)
    again = till.post("reward-take", **fields)

    one = Redemption.objects.get()
    assert shown.url == again.url == reverse("till:redemption", args=[one.public_id])
    page = till.client.get(shown.url)
    assert redemptions.code_of(one) in text_of(page)
    handed = till.post(
        "reward-hand",
        one.public_id,
        **form(page, reverse("till:reward-hand", args=[one.public_id])),
    )
    assert handed.status_code == 302
    one.refresh_from_db()
    assert (one.state, RewardStock.objects.get(reward=one.reward).on_hand) == ("fulfilled", 1)


def test_a_code_finds_what_waits_and_wrong_ones_are_counted(till, programme, member):
    make_reward(programme, "mug")
    till.post("reward-take", **form(till.get("rewards"), reverse("till:reward-take")))
    one = Redemption.objects.get()

    found = till.post("reward-fetch", code=redemptions.code_of(one).lower())
    assert found.url == reverse("till:redemption", args=[one.public_id])
    for _ in range(5):
        wrong = till.post("reward-fetch", code="2222-2222-2222")
        assert wrong.status_code == 422
        assert "No reward waits under this code" in text_of(wrong)
    assert "Too many requests" in text_of(till.post("reward-fetch", code="x"))
    assert till.post("reward-fetch", code="").status_code == 422


def test_only_a_manager_takes_back_what_was_handed_over(till, programme, member):
    make_reward(programme, "mug")
    till.post("reward-take", **form(till.get("rewards"), reverse("till:reward-take")))
    one = Redemption.objects.get()
    at = reverse("till:reward-cancel", args=[one.public_id])
    page = till.get("redemption", one.public_id)
    hand = form(page, reverse("till:reward-hand", args=[one.public_id]))
    key = form(page, at)
    assert till.post("reward-cancel", one.public_id, **key, reason="").status_code == 422
    till.post("reward-hand", one.public_id, **hand)

    refused = till.post("reward-cancel", one.public_id, **key, reason="broken")
    assert refused.status_code == 403
    manager = Till(user=make_staff("boss", "store_manager"))
    manager.post("reward-cancel", one.public_id, **key, reason="broken")
    one.refresh_from_db()
    assert (one.state, member.wallets.get(kind="points").posted) == ("cancelled", 500)


def test_what_is_given_at_once_is_shown_to_be_printed(till, programme, member):
    promotion = programme.promotions.get(code="base")
    make_reward(programme, "off", kind="discount", promotion=promotion)
    shown = till.post("reward-take", **form(till.get("rewards"), reverse("till:reward-take")))
    code = redemptions.reveal(redemption=Redemption.objects.get(), actor=SYSTEM).code
    assert code in text_of(till.client.get(shown.url))


def test_a_service_is_used_with_a_reason_and_given_back(till, programme, member):
    make_service(programme, count=1)
    page = till.get("rewards")
    assert "1 of 1 left" in text_of(page)
    fields = form(page, reverse("till:service-use"))
    assert till.post("service-use", **fields).status_code == 422
    till.post("service-use", **fields, reason="coat")
    till.post("service-use", **fields, reason="coat")

    use = ServiceUse.objects.get()
    page = till.get("rewards")
    assert "0 of 1 left" in text_of(page)
    back = form(page, reverse("till:service-back", args=[use.public_id]))
    till.post("service-back", use.public_id, **back, reason="not done")
    assert "1 of 1 left" in text_of(till.get("rewards"))


def test_without_a_member_the_page_says_what_to_do(till):
    assert "No member in the basket" in text_of(till.get("rewards"))
