"""A member's first visit: in by the code from the sink, then points, card, reasons, on a phone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Member
from members.models.consents import Purpose
from members.services.search import lookup_member
from rewards.models import Wallet
from rewards.services import ledger
from tests.factories.members import CardFactory, ConsentTextFactory, MemberFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.portal import last_code

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ANNA = "+79991234567"
PHONE = {"width": 390, "height": 844}
PAGES = ("", "card/", "history/", "offers/", "settings/")


@pytest.fixture
def anna(live_app):
    programme = make_programme()
    ConsentTextFactory(purpose=Purpose.PERSONAL_DATA)
    ConsentTextFactory(purpose=Purpose.ADVERTISING)
    card = CardFactory(member=MemberFactory(name="Anna Petrova", phone=ANNA))
    WalletFactory(member=card.member, programme=programme, points=500)
    wallet = Wallet.objects.get(member=card.member)
    ledger.adjust(wallet=wallet, points=25, reason="Sorry: late", reference="r", actor=SYSTEM)
    return card.member


def sign_in(page, contact=ANNA):
    page.set_viewport_size(PHONE)
    page.goto("/my/")
    page.get_by_label("Phone or e-mail").fill(contact)
    page.get_by_role("button", name="Send me a code").click()
    expect(page).to_have_url(re.compile("/my/code/"))
    page.get_by_label("Code").fill(last_code(contact))
    page.get_by_role("button", name="Go on").click()


def test_a_first_visit(page, anna):
    sign_in(page)

    expect(page.get_by_role("heading", name="Hello, Anna Petrova")).to_be_visible()
    expect(page.locator("output")).to_have_text("525")
    page.get_by_role("link", name="Show my card").click()
    expect(page.locator("#code svg")).to_be_visible()
    pages = page.get_by_role("navigation", name="My pages")
    pages.get_by_role("link", name="History").click()
    expect(page.get_by_text("Sorry: late")).to_be_visible()
    pages.get_by_role("link", name="Me", exact=True).click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page).to_have_url(re.compile("/my/sign-in/"))


def test_the_code_on_the_card_names_the_member(page, anna):
    sign_in(page)
    page.goto("/my/card/")
    expect(page.locator("#code svg")).to_be_visible()
    page.get_by_text("The till reads barcodes only").click()
    number = page.locator(".my-number").inner_text().replace(" ", "")
    assert lookup_member(kind="card", value=number) == anna


def test_a_stranger_joins(page, anna):
    sign_in(page, "+79990000000")
    expect(page).to_have_url(re.compile("/my/join/"))
    page.locator("#id_name").fill("Борис")
    page.locator("#id_personal_data").check()
    page.get_by_role("button", name="Join", exact=True).click()

    expect(page.get_by_role("heading", name="Hello, Борис")).to_be_visible()
    assert Member.objects.get(name="Борис").cards.count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_is_wider_than_a_phone(page, anna, live_app, language, theme):
    sign_in(page)
    page.context.add_cookies(
        [
            {"name": "django_language", "value": language, "url": live_app.url},
            {"name": "theme", "value": theme, "url": live_app.url},
        ]
    )
    for path in PAGES:
        page.goto(f"/my/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        expect(page.locator("html")).to_have_attribute("lang", language)
        if folder := os.environ.get("SCREENSHOTS"):
            name = f"my-{path.strip('/') or 'home'}-{language}-{theme}.png"
            page.screenshot(path=Path(folder) / name, full_page=True)
