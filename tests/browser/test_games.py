"""Games in a phone's browser: the wheel turns, or does not for whom motion makes ill."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from rewards.models import GamePlay
from rewards.services import games
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.game_tools import POINTS, give_turns, make_game

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ALWAYS = replace(POINTS, weight=1)


@pytest.fixture
def anna():
    return MemberFactory(name="Anna Petrova")


def opened(page, game, member):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(reverse("play", args=[games.entry_token(game=game, member=member)]))
    return page


def test_the_wheel_turns_and_then_tells_what_was_won(page, anna):
    game = make_game(make_programme(), ALWAYS)
    give_turns(anna, game, 2)
    opened(page, game, anna)

    page.get_by_role("button", name="Spin").click()

    expect(page.get_by_text("You have won")).to_be_visible()
    expect(page.get_by_text("1 turn left")).to_be_visible()
    made = GamePlay.objects.get()
    assert len(made.nonce) == 24  # drawn in the browser, not the one the page came with


def test_without_motion_the_result_is_there_at_once(page, anna):
    game = make_game(make_programme(), ALWAYS)
    give_turns(anna, game)
    page.emulate_media(reduced_motion="reduce")
    opened(page, game, anna)

    page.get_by_role("button", name="Spin").click()

    expect(page.get_by_text("You have won")).to_be_visible(timeout=3_000)


def test_a_scratch_card_can_be_opened_by_keyboard(page, anna):
    game = make_game(make_programme(), ALWAYS, form="scratch")
    give_turns(anna, game)
    opened(page, game, anna)

    page.get_by_role("button", name="Take a card").press("Enter")
    page.get_by_role("button", name="Show the result").press("Enter")

    expect(page.get_by_text("You have won")).to_be_visible()


def test_a_refusal_is_told_and_the_button_works_again(page, anna):
    game = make_game(make_programme(), ALWAYS)
    give_turns(anna, game)
    opened(page, game, anna)
    give_turns(anna, game, -1)

    page.get_by_role("button", name="Spin").click()

    expect(page.get_by_text("No turns are left in this game")).to_be_visible()
    expect(page.get_by_role("button", name="Spin")).to_be_enabled()
