"""A day at the till without touching a mouse: keyboard and scanner are enough for all of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from members.models import Consent, Member, Receipt, Refund, Shift
from members.models.consents import Purpose
from rewards.models import Wallet
from tests.factories.members import (
    CardFactory,
    ConsentTextFactory,
    MemberFactory,
    ProductFactory,
    TerminalFactory,
)
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.till import PASSWORD, make_staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def card(live_app, settings):
    """A shop with goods, one till, a cashier, and a member with 500 points."""
    # The server knows no other hasher; the quick one of the tests would not let anybody in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    programme = make_programme()
    ProductFactory(sku="tea", name="Green tea", price_minor=2_50, barcode="4600000000017")
    ProductFactory(sku="cheese", name="Cheese", price_minor=10_00)
    TerminalFactory()
    make_staff()
    for purpose in (Purpose.PERSONAL_DATA, Purpose.ADVERTISING):
        ConsentTextFactory(purpose=purpose)
    card = CardFactory(member=MemberFactory(name="Anna Petrova", phone="+79991234567"))
    WalletFactory(member=card.member, programme=programme, points=500)
    return card


@pytest.fixture
def keys(page, card):
    """Logged in, with an open shift, the cursor in the field for scans."""
    page.goto("/till/")
    write(page, "cashier", "Tab", PASSWORD, "Enter")
    expect(page).to_have_url(re.compile("/till/shift/"))
    write(page, "ArrowDown", "F8")
    expect(page.locator("#scan")).to_be_focused()
    return page


KEYS = re.compile(r"Tab|Enter|Escape|Space|Arrow\w+|F\d+|Shift\+Tab")


def write(page, *strokes):
    """Names of keys are pressed, everything else is typed."""
    for stroke in strokes:
        if KEYS.fullmatch(stroke):
            page.keyboard.press(stroke)
        else:
            page.keyboard.type(stroke)


def scan(page, *codes):
    """As a keyboard-wedge scanner does: all signs at once, then Enter, and no waiting between."""
    for code in codes:
        page.keyboard.type(code, delay=0)
        page.keyboard.press("Enter")


def total(page, text):
    expect(page.locator("#sale .due output")).to_have_text(text)


def test_a_whole_sale(keys, card):
    scan(keys, "4600000000017", "3*tea", "0.5*cheese", card.number)
    total(keys, "$15.00")
    expect(keys.locator(".who")).to_contain_text("Anna P.")

    write(keys, "F4", "max", "Enter")
    total(keys, "$10.00")
    expect(keys.locator("#scan")).to_be_focused()

    write(keys, "F8")
    expect(keys.locator("[name=cash]")).to_be_focused()
    write(keys, "20")
    expect(keys.locator("[data-change]")).to_have_text("10.00")
    write(keys, "Enter")

    expect(keys.get_by_role("link", name="Next customer")).to_be_focused()
    expect(keys.locator(".done")).to_contain_text("Change")
    write(keys, "Enter")
    expect(keys.locator("#scan")).to_be_focused()
    assert Receipt.objects.get().total_minor == 10_00
    assert Wallet.objects.get().posted == 10


def test_a_fast_scanner_loses_nothing(keys):
    scan(keys, *["tea", "cheese"] * 15)

    total(keys, "$187.50")
    quantities = keys.locator("input[name=quantity]")
    assert [quantities.nth(n).input_value() for n in range(quantities.count())] == ["15", "15"]


def test_a_member_is_found_by_phone_or_chosen_by_name(keys):
    MemberFactory(name="Anna Pavlova")

    write(keys, "F2", "8 999 123-45-67", "Enter")
    expect(keys.locator(".who")).to_contain_text("500 points available")
    expect(keys.locator("#member-text")).to_have_value("")

    write(keys, "F2", "anna p", "Enter")
    expect(keys.locator(".found-list button").first).to_be_focused()
    write(keys, "ArrowDown", "Enter")
    expect(keys.locator("#found")).to_be_empty()
    expect(keys.locator("#scan")).to_be_focused()


def test_nobody_found_goes_on_without_a_card(keys):
    write(keys, "F2", "+7 900 000-00-00", "Enter")
    expect(keys.locator("#found")).to_contain_text("Nobody found")

    write(keys, "Escape")

    expect(keys.locator("#found")).to_be_empty()
    expect(keys.locator("#scan")).to_be_focused()


def test_a_new_member_joins_and_buys(keys):
    scan(keys, "tea")
    total(keys, "$2.50")
    write(keys, "F2", "8 900 000-00-01", "Enter")
    expect(keys.locator("#found")).to_contain_text("Nobody found")
    write(keys, "F3")
    expect(keys.locator("[name=card]")).to_be_focused()
    write(keys, "Tab", "Space", "Tab", "Tab", "Maria Elkina")
    expect(keys.locator("[name=personal_data]")).to_be_checked()
    write(keys, "F8")
    expect(keys.get_by_role("button", name="Use in this sale")).to_be_focused()
    write(keys, "Enter")

    expect(keys.locator(".who")).to_contain_text("Maria E.")
    total(keys, "$2.50")
    assert Member.objects.filter(name="Maria Elkina").exists()
    assert [said.purpose for said in Consent.objects.all()] == [Purpose.PERSONAL_DATA]


def test_goods_without_a_price_and_another_quantity(keys):
    scan(keys, "moon-dust")
    expect(keys.locator("#free-price")).to_be_focused()
    write(keys, "9.90", "Enter")
    total(keys, "$9.90")
    expect(keys.locator("#scan")).to_be_focused()

    scan(keys, "nothing-at-all")
    expect(keys.locator("#free-price")).to_be_focused()
    write(keys, "Escape")
    expect(keys.locator("#free-price")).to_have_count(0)

    keys.locator("#scan").focus()
    write(keys, "Tab", "Tab", "3", "Enter")
    total(keys, "$29.70")


def test_enter_twice_sells_once(keys):
    scan(keys, "tea")
    total(keys, "$2.50")
    write(keys, "F8")
    expect(keys.locator("[name=cash]")).to_be_focused()

    write(keys, "Enter", "Enter", "F8")

    expect(keys.get_by_role("link", name="Next customer")).to_be_visible()
    assert Receipt.objects.count() == 1


def test_the_basket_survives_a_reload(keys):
    scan(keys, "tea", "cheese")
    total(keys, "$12.50")

    keys.reload()

    total(keys, "$12.50")
    expect(keys.locator("#scan")).to_be_focused()


def test_a_refund_and_the_end_of_the_shift(keys, card):
    scan(keys, "4*tea", card.number)
    total(keys, "$10.00")
    write(keys, "F8")
    expect(keys.locator("[name=cash]")).to_be_focused()
    write(keys, "F9")
    expect(keys.get_by_role("link", name="Next customer")).to_be_focused()
    write(keys, "Enter")
    expect(keys.locator("#scan")).to_be_focused()

    write(keys, "F6")
    expect(keys.locator("[name=number]")).to_be_focused()
    scan(keys, Receipt.objects.get().number)
    expect(keys.locator("[name=line-1]")).to_be_focused()
    write(keys, "3", "Enter")
    expect(keys.locator("#preview .due output")).to_have_text("$7.50")
    write(keys, "F8")
    expect(keys.locator(".done")).to_contain_text("Points taken back")
    write(keys, "Enter")
    expect(keys.locator("#scan")).to_be_focused()

    write(keys, "F7")
    expect(keys.locator(".paper")).to_contain_text("1 refund")
    write(keys, "F8")
    expect(keys.get_by_role("heading", name="Shift closed")).to_be_visible()
    assert Refund.objects.get().money_minor == 7_50
    assert not Shift.objects.open().exists()
