"""The admin in a browser: panels that arrive later, previews, buttons pressed twice, themes."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.staff import give_role
from members.models import Member
from rewards.models import LedgerTx, Programme, Wallet
from rewards.services.rollups import rebuild_rollups
from tests.factories.members import CardFactory, ConsentFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory, earn_points

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


@pytest.fixture
def desk(page, live_app, settings):
    """An administrator at the first page of a shop with one member, who has 14 movements."""
    # The server knows no other hasher; the quick one of the tests would not let anybody in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    give_role(user=User.objects.create_user("boss", password=PASSWORD), role="admin")
    StoreFactory()
    card = CardFactory(member__name="Anna Petrova")
    ConsentFactory(member=card.member)
    wallet = WalletFactory(member=card.member, programme=make_programme())
    for points in range(1, 15):
        earn_points(wallet, points, effective_at=clock.now())
    rebuild_rollups()
    page.goto("/admin/")
    page.fill("[name=username]", "boss")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    expect(page.locator(".lc-tiles")).to_be_visible()
    return page


def open_member(desk):
    desk.goto(f"/admin/members/member/{Member.objects.get().pk}/change/")
    expect(desk.get_by_text("Every movement of points")).to_be_visible()


def test_the_first_page_fills_itself(desk):
    expect(desk.get_by_text("Latest receipts")).to_be_visible()
    expect(desk.get_by_text("What to do next")).to_be_visible()
    drawn = "() => Chart.getChart(document.querySelector('canvas.chart')) !== undefined"
    desk.wait_for_function(drawn)


def test_movements_are_turned_page_by_page(desk):
    open_member(desk)
    movements = desk.locator("section:has-text('Every movement') .lc-amount")
    expect(movements).to_have_count(10)

    desk.get_by_role("button", name="More").first.click()

    expect(movements).to_have_count(14)


def test_an_adjustment_is_previewed_and_booked_once_by_a_double_click(desk):
    open_member(desk)
    desk.locator("a.lc-button", has_text="Adjust").click()

    desk.fill("[name=points]", "-500")
    expect(desk.locator("#preview")).to_contain_text("the ledger will refuse it")
    desk.fill("[name=points]", "45")
    expect(desk.locator("#preview")).to_contain_text("105 → 150")
    desk.fill("[name=reason]", "Late delivery")
    desk.get_by_role("button", name="Book the adjustment").dblclick()

    expect(desk.locator(".lc-tile.is-main")).to_contain_text("150")
    expect(desk.get_by_text("Late delivery")).to_be_visible()
    assert Wallet.objects.get().posted == 150
    assert LedgerTx.objects.filter(op="adjust").count() == 1


def test_a_card_is_blocked_in_its_panel_and_a_refusal_is_shown_there(desk):
    open_member(desk)
    cards = desk.locator("#cards")

    cards.get_by_text("Change the state").click()
    cards.get_by_role("button", name="Block").click()
    expect(cards.locator(".lc-refusal")).to_contain_text("Say why")
    cards.get_by_text("Change the state").click()
    cards.get_by_label("Reason").fill("Lost on a bus")
    cards.get_by_role("button", name="Block").click()

    expect(cards.locator(".lc-chip")).to_have_text("blocked")
    expect(cards).to_contain_text("Lost on a bus")


def test_the_programme_says_what_it_comes_to_while_it_is_edited(desk):
    desk.goto("/admin/rewards/programme/")

    desk.fill("[name=point_value_minor]", "0.10")

    expect(desk.locator("#examples")).to_contain_text("100 points, worth $10.00")
    assert Programme.objects.get().point_value_minor == 1


def test_theme_and_language_are_everybodys_own(desk):
    desk.locator("#nav-sidebar").get_by_text("boss").click()
    desk.get_by_text("Dark", exact=True).click()
    expect(desk.locator("html")).to_have_class(re.compile("dark"))

    desk.get_by_role("button", name="русский").click()

    expect(desk.locator("h1")).to_have_text("Сегодня")
    expect(desk.locator("html")).to_have_class(re.compile("dark"))


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_no_page_is_wider_than_the_screen(desk, width):
    desk.set_viewport_size({"width": width, "height": 900})
    member = Member.objects.get().pk
    addresses = [
        "/admin/", "/admin/members/member/", f"/admin/members/member/{member}/change/",
        f"/admin/rewards/wallet/{Wallet.objects.get().pk}/adjust/", "/admin/rewards/programme/",
        "/admin/rewards/promotion/", "/admin/rewards/promotion/add/", "/admin/rewards/ledgerentry/",
    ]  # fmt: skip

    for address in addresses:
        desk.goto(address)
        desk.wait_for_load_state("networkidle")
        assert desk.evaluate("document.documentElement.scrollWidth") <= width, address
