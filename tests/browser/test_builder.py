"""Building promotions by clicking, as somebody does who has never seen JSON."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from loyalty_crm.kernel.staff import give_role
from rewards.models import PromotionVersion
from tests.factories.members import CategoryFactory, ProductFactory, StoreFactory
from tests.factories.promotions import make_programme

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


@pytest.fixture
def desk(page, live_app, settings):
    """A marketer of a shop with one store, tea and cheese."""
    # The server knows no other hasher; the quick one of the tests would not let anybody in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    give_role(user=User.objects.create_user("mark", password=PASSWORD), role="marketer")
    make_programme()
    StoreFactory(code="S1", name="Main street")
    tea = CategoryFactory(code="tea", name="Tea")
    ProductFactory(sku="green", name="Green tea", price_minor=2_50, category=tea)
    ProductFactory(sku="cheese", name="Cheese", price_minor=10_00)
    page.goto("/admin/")
    page.fill("[name=username]", "mark")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    expect(page.locator("#nav-sidebar").first).to_be_attached()
    return page


def sentence(desk, text):
    expect(desk.locator("#sentence")).to_have_text(re.compile(re.escape(text)))


def publish(desk):
    desk.get_by_role("button", name="Save as a draft").click()
    desk.get_by_role("link", name="Publish now").click()
    desk.get_by_role("button", name="Publish now").click()
    expect(desk.locator(".lc-chip.is-good").first).to_have_text("live")


def test_three_for_two_from_its_template(desk):
    desk.goto("/admin/rewards/promotion/add/")
    desk.get_by_role("link", name="3 for 2").click()
    sentence(desk, "the cheapest of every 3 items: free")
    desk.fill("[id='f-p-of']", "4")
    sentence(desk, "the cheapest of every 4 items: free")
    desk.fill("[id='f-p-of']", "3")
    desk.get_by_label("Product categories").fill("tea")
    expect(desk.get_by_role("option", name="Tea tea")).to_be_visible()
    desk.keyboard.press("Enter")
    sentence(desk, "Tea: the cheapest of every 3 items: free")

    desk.get_by_role("button", name="Open in the builder").click()

    expect(desk.locator(".b-totals .is-moved").first).to_contain_text("$17.50")
    expect(desk.locator(".b-totals .is-moved").first).to_contain_text("$15.00")
    publish(desk)
    version = PromotionVersion.objects.get(state="live", promotion__name="3 for 2")
    assert version.definition["effects"] == [
        {"kind": "pieces_off", "of": 3, "off": {"kind": "free"}}
    ]


def test_happy_hours_from_nothing_with_the_sentence_in_sight(desk):
    desk.goto("/admin/rewards/promotion/build/")
    desk.get_by_label("Name", exact=True).fill("Happy hours")
    desk.locator("[name='new.d.effects']").select_option("percent_off")
    desk.get_by_role("button", name="+ Add an effect").click()
    expect(desk.get_by_label("Percent", exact=True)).to_be_visible()
    desk.get_by_label("Percent", exact=True).fill("12.5")
    sentence(desk, "12.5 % off")
    desk.get_by_label("Percent", exact=True).fill("120")
    expect(desk.locator("#e-f-d-effects-0-basis_points")).to_have_text("This can be at most 100.")
    desk.get_by_label("Percent", exact=True).fill("12.5")
    expect(desk.locator("#e-f-d-effects-0-basis_points")).to_have_text("")

    desk.locator("[name='new.d.when']").select_option("schedule")
    desk.get_by_role("button", name="+ Add a condition").click()
    for name in ("Monday", "Tuesday"):
        desk.get_by_label(name).check()
    desk.get_by_label("From the hour").fill("15:00")
    expect(desk.locator("#e-f-d-when-nodes-0")).to_have_text("Write both hours, or none.")
    desk.get_by_label("To the hour").fill("17:00")
    sentence(desk, "12.5 % off, on Mon, Tue from 15:00 to 17:00")
    expect(desk.locator(".b-reason").first).to_contain_text("Happy hours applies")

    publish(desk)
    assert PromotionVersion.objects.get(state="live", promotion__code="happy-hours").definition == {
        "when": {
            "all": [
                {"kind": "schedule", "weekdays": [1, 2], "from_time": "15:00", "to_time": "17:00"}
            ]
        },
        "effects": [{"kind": "percent_off", "basis_points": 1250}],
    }


def test_the_keyboard_alone_finds_goods_and_takes_them_away(desk):
    desk.goto("/admin/rewards/promotion/build/")
    goods = desk.locator("[id='f-d-goods-include-skus']")
    goods.focus()
    desk.keyboard.type("gree")
    expect(desk.get_by_role("option", name="Green tea")).to_be_visible()
    desk.keyboard.press("ArrowDown")
    expect(desk.get_by_role("option", name="Green tea")).to_be_focused()
    desk.keyboard.press("Enter")

    chip = desk.locator(".b-chip", has_text="Green tea")
    expect(chip).to_be_visible()
    chip.get_by_role("button").press("Enter")
    expect(chip).to_have_count(0)


def test_the_expert_writes_json_and_the_form_follows(desk):
    desk.goto("/admin/rewards/promotion/build/")
    desk.get_by_text("Expert: JSON").click()
    desk.fill("#json", '{"effects": [{"kind": "amount_off", "amount_minor": 150}]}')
    desk.get_by_role("button", name="Put it into the form").click()

    expect(desk.get_by_label("Amount", exact=True)).to_have_value("1.50")
    desk.get_by_label("Amount", exact=True).fill("2")
    expect(desk.locator("#json")).to_have_value(re.compile('"amount_minor": 200'))


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_no_screen_of_promotions_is_wider_than_the_screen(desk, width):
    desk.set_viewport_size({"width": width, "height": 900})
    for at in ("build/", "templates/", "templates/happy_hours/", "calendar/", ""):
        desk.goto(f"/admin/rewards/promotion/{at}")
        desk.wait_for_load_state("networkidle")
        assert desk.evaluate("document.documentElement.scrollWidth") <= width, at
