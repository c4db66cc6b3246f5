"""Rows 42–45, 57 and 58 of the requirements from end to end: a sale gives, and its return takes.

Each flow begins with a purchase over the API and ends with its reversal; behind
every test the ledger's checks are zero.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.services.groups import tag_member
from rewards.models import PrizeWin, Wallet
from rewards.services import draws, games, rule_sets
from rewards.services.audit_ledger import audit_ledger
from rewards.services.games import PrizePlan, SetPlan
from tests.factories.members import MemberFactory
from tests.rewards.game_tools import POINTS, give_tickets, make_draw, make_game
from tests.rewards.shop import Shop
from tests.rewards.till_client import Till, line

pytestmark = pytest.mark.django_db

ALL = ("games:read", "games:play", "games:write", "draws:read", "draws:write")


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    rule_sets.forget()
    yield
    rule_sets.forget()


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def office(shop):
    return Till(*ALL)


@pytest.fixture
def programme(shop):
    return rule_sets.current().programme


def did(answer, status=200):
    assert answer.status_code == status, answer.content
    return answer.json()


def gives(shop, kind, code, **values):
    shop.publishes(f"give-{code}", {"effects": [{"kind": kind, "code": code, **values}]})


def books_agree():
    assert {one.check: one.found for one in audit_ledger() if one.count} == {}


def test_42_a_purchase_gives_a_turn_the_turn_a_prize_and_the_return_takes_them(
    shop, office, programme
):
    shop.sells("drinks", "tea")
    game = make_game(programme, POINTS)
    gives(shop, "game_plays", game.code)
    sold = shop.sell(line("tea", 10_00))
    member = shop.card.member
    assert shop.balance_of("game_plays", game.code) == 1

    asked = {"member": str(member.public_id), "nonce": "abc", "reference": "r"}
    made = did(office.post(f"games/{game.public_id}/plays", asked), 201)
    assert made["win"]["amount"] == 50
    assert Wallet.objects.get(member=member, kind="points").posted == 10 + 50

    did(office.post(f"plays/{made['id']}/cancel", {"reason": "The sale came back"}))
    shop.take_back(sold, line_1="1")
    assert shop.balance_of("game_plays", game.code) == 0
    assert Wallet.objects.get(member=member, kind="points").posted == 0
    books_agree()


def test_42_a_turn_that_was_played_is_owed_when_its_goods_come_back(shop, office, programme):
    shop.sells("drinks", "tea")
    game = make_game(programme, POINTS)
    gives(shop, "game_plays", game.code)
    sold = shop.sell(line("tea", 10_00))
    asked = {"member": str(shop.card.member.public_id), "nonce": "abc", "reference": "r"}
    did(office.post(f"games/{game.public_id}/plays", asked), 201)

    shop.take_back(sold, line_1="1")

    assert shop.balance_of("game_plays", game.code) == -1
    shop.sell(line("tea", 10_00))
    assert office.post(
        f"games/{game.public_id}/plays", {**asked, "reference": "s"}
    ).status_code == (422)
    books_agree()


def test_43_the_odds_keep_the_floor_and_every_play_is_proved(shop, office, programme):
    game = make_game(programme)
    member = shop.card.member
    for number in range(10):
        turns = {"member": str(member.public_id), "count": 1, "reason": "a present"}
        did(office.post(f"games/{game.public_id}/turns", turns))
        asked = {"member": str(member.public_id), "nonce": f"n{number}", "reference": f"r{number}"}
        did(office.post(f"games/{game.public_id}/plays", asked), 201)
    did(office.post(f"games/{game.public_id}/end", {}))
    games.reveal_due(clock.now())

    for one in did(office.get(f"games/{game.public_id}/plays"))["data"]:
        assert did(office.get(f"plays/{one['id']}/verify"))["agrees"] is True
        did(office.post(f"plays/{one['id']}/cancel", {"reason": "the test is over"}))
    assert Wallet.objects.get(member=member, kind="points").posted == 0
    books_agree()


def test_44_members_of_a_segment_play_for_their_own_prizes(shop, office, programme):
    member = shop.card.member
    tag_member(member=member, code="parents", source="test", actor=SYSTEM)
    toy = PrizePlan("toy", "A toy", "other", value_minor=500)
    game = make_game(
        programme, sets=[SetPlan((toy,), "parents", tag="parents"), SetPlan((POINTS,))]
    )
    turns = {"member": str(member.public_id), "count": 1, "reason": "a present"}
    did(office.post(f"games/{game.public_id}/turns", turns))

    asked = {"member": str(member.public_id), "nonce": "n", "reference": "r"}
    made = did(office.post(f"games/{game.public_id}/plays", asked), 201)

    assert (made["label"], made["win"]["state"]) == ("A toy", "due")
    did(office.post(f"plays/{made['id']}/cancel", {"reason": "wrong size"}))
    assert PrizeWin.objects.get().state == "cancelled"
    books_agree()


def test_45_a_member_plays_in_the_phones_browser_by_a_link(shop, office, programme, client):
    game = make_game(programme, POINTS)
    member = {"member": str(shop.card.member.public_id)}
    did(office.post(f"games/{game.public_id}/turns", {**member, "count": 1, "reason": "x"}))
    url = did(office.post(f"games/{game.public_id}/links", member))["url"]
    path = url.removeprefix("http://testserver")
    form = {"key": "01890000-0000-7000-8000-000000000001", "nonce": "mine"}

    result = client.get(client.post(path, form).url)

    assert "You have won" in result.content.decode()
    [made] = did(office.get(f"members/{member['member']}/plays"))["data"]
    did(office.post(f"plays/{made['id']}/cancel", {"reason": "undone"}))
    books_agree()


def test_57_a_contest_gives_its_prize_and_takes_it_back(shop, office):
    now = clock.now()
    terms = {
        "code": "photo", "title": "Photo", "organiser": "o", "rules": "r", "information": "i",
        "hand_over_place": "p", "hand_over_terms": "t",
        "starts_at": (now - timedelta(days=1)).isoformat(),
        "ends_at": (now + timedelta(days=1)).isoformat(),
        "results_at": (now + timedelta(days=2)).isoformat(),
        "prizes": [{"place": 1, "label": "500 points", "kind": "points", "amount": 500}],
    }  # fmt: skip
    contest = did(office.post("contests", terms), 201)["id"]
    did(office.post(f"contests/{contest}/open", {}))
    sent = {"member": str(shop.card.member.public_id), "title": "Sunset", "body": "x"}
    work = did(office.post(f"contests/{contest}/works", {**sent, "source_ref": "w"}), 201)["id"]
    did(office.post(f"contest-works/{work}/let-in", {}))
    did(office.post(f"contests/{contest}/close", {}))
    did(office.post(f"contest-works/{work}/mark", {"mark": 9}))
    did(office.post(f"contests/{contest}/publish", {}))
    wallet = Wallet.objects.get(member=shop.card.member, kind="points")
    assert wallet.posted == 500

    [won] = did(office.get(f"members/{sent['member']}/prizes"))["data"]
    did(office.post(f"prizes/{won['id']}/cancel", {"reason": "The work was another's"}))

    wallet.refresh_from_db()
    assert wallet.posted == 0
    books_agree()


def test_58_purchases_give_tickets_a_return_takes_them_and_the_rest_is_drawn(
    shop, office, programme, client
):
    shop.sells("drinks", "tea")
    draw = make_draw(programme, reserves=1)
    gives(shop, "draw_tickets", draw.code, per="item")
    sold = shop.sell(line("tea", 10_00, "3"))
    give_tickets(MemberFactory(name="Boris Orlov"), draw, 2)
    assert shop.balance_of("draw_tickets", draw.code) == 3

    shop.take_back(sold, line_1="2")

    assert shop.balance_of("draw_tickets", draw.code) == 1
    at = f"draws/{draw.public_id}"
    with time_machine.travel(draw.ends_at + timedelta(seconds=1)):
        closed = did(office.post(f"{at}/close", {}))
    assert (closed["participants"], closed["tickets"]) == (2, 3)
    with time_machine.travel(draw.draws_at + timedelta(seconds=1)):
        did(office.post(f"{at}/draw", {}))
    assert did(office.get(f"{at}/verify"))["agrees"] is True
    did(office.post(f"{at}/winners/1/accept", {}))
    did(office.post(f"{at}/winners/1/refuse", {"note": "does not travel"}))
    did(office.post(f"{at}/winners/2/accept", {}))
    did(office.post(f"{at}/winners/2/hand-over", {"proof": "Act 3"}))
    did(office.post(f"{at}/finish", {}))
    page = client.get(f"/fair/draws/{draw.public_id}/").content.decode()
    assert "Orlov" not in page
    assert draws.check_draw(draw.__class__.objects.get()).agrees
    books_agree()
