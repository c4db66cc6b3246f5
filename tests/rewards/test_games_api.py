"""Games, prizes, draws and contests as an integrator sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import AwardBalance, Coupon, Game, GamePlay
from rewards.services import games, gift_cards
from tests.api import check_problem
from tests.factories.members import MemberFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.game_tools import POINTS, TERMS, give_turns, make_game, play
from tests.rewards.till_client import Till

pytestmark = pytest.mark.django_db

ALL = ("games:read", "games:play", "games:write", "draws:read", "draws:write")
WIN = {"code": "fifty", "label": "50 points", "kind": "points", "amount": 50, "cost_minor": 50}
LOSS = {"code": "none", "label": "Nothing", "kind": "nothing", "weight": 3}
WHEEL = {"code": "wheel", "name": "Wheel", "sets": [{"prizes": [WIN, LOSS]}]}


@pytest.fixture
def till():
    make_programme()
    return Till(*ALL)


@pytest.fixture
def anna():
    return MemberFactory()


def put(till, path, body, key="put"):
    return till.integrator.request("PUT", f"/api/v1/{path}", body, key)


def did(answer, status=200):
    assert answer.status_code == status, answer.content
    return answer.json()


def refused(answer, status, code):
    problem = check_problem(answer)
    assert (answer.status_code, problem["code"]) == (status, code), problem
    return problem


def started(till, **changes):
    made = did(till.post("games", {**WHEEL, **changes}), 201)
    return did(till.post(f"games/{made['id']}/start", {}))


def turn(member, **said):
    return {"member": str(member.public_id), "nonce": "luck", "reference": "r-1", **said}


def test_a_game_from_its_wording_to_a_play_and_its_proof(till, anna):
    always = {**WIN, "weight": 1}
    game = started(till, sets=[{"prizes": [always]}])
    gift = {"member": str(anna.public_id), "count": 2, "reason": "Opening day"}
    assert did(till.post(f"games/{game['id']}/turns", gift)) == {"balance": 2}

    made = did(till.post(f"games/{game['id']}/plays", turn(anna)), 201)

    assert (made["prize"], made["win"]["state"]) == ("fifty", "given")
    [mine] = did(till.get(f"members/{anna.public_id}/games"))["data"]
    assert (mine["code"], mine["turns"], mine["closed"]) == ("wheel", 1, "")
    [seen] = did(till.get(f"members/{anna.public_id}/plays"))["data"]
    assert seen == did(till.get(f"games/{game['id']}/plays"))["data"][0] == made
    secret = did(till.get(f"plays/{made['id']}/verify"))
    assert (secret["seed"], secret["agrees"]) == (None, None)
    did(till.post(f"games/{game['id']}/end", {}))
    games.reveal_due(clock.now())
    proof = did(till.get(f"plays/{made['id']}/verify"))
    assert proof["agrees"] is True
    [period] = did(till.get(f"games/{game['id']}/periods"))["data"]
    assert period["seed"] == proof["seed"]


def test_the_chance_and_the_cost_are_told(till):
    game = started(till)

    [told] = did(till.get(f"games/{game['id']}"))["sets"]

    assert (told["win_basis_points"], told["cost_per_play_minor"]) == (2_500, 13)
    assert told["expected_cost_minor"] == 12_500
    assert did(till.get("games"))["data"][0]["code"] == "wheel"


def test_a_game_below_the_floor_is_refused(till):
    poor = {**WHEEL, "sets": [{"prizes": [WIN, {**LOSS, "weight": 4}]}]}

    problem = refused(till.post("games", poor), 422, "game_invalid")

    assert problem["errors"][0]["pointer"] == "/sets/0/prizes"
    assert problem["errors"][0]["params"] == {"chance": 2_000, "floor": 2_500}


def test_a_running_game_is_not_reworded_but_a_paused_one_is(till):
    game = started(till)
    refused(put(till, f"games/{game['id']}", WHEEL, "one"), 409, "game_state")
    did(till.post(f"games/{game['id']}/pause", {}))

    richer = {**WHEEL, "sets": [{"prizes": [WIN, {**LOSS, "weight": 1}]}]}
    told = did(put(till, f"games/{game['id']}", richer, "two"))

    assert told["sets"][0]["win_basis_points"] == 5_000


def test_what_stops_a_play_has_a_code_and_uses_no_turn(till, anna):
    game = started(till)
    at = f"games/{game['id']}/plays"
    refused(till.post(at, turn(anna)), 422, "no_turns_left")
    give_turns(anna, Game.objects.get())
    refused(till.post(at, turn(anna, nonce="a:b")), 400, "validation_failed")
    stranger = {**turn(anna), "member": "01890000-0000-7000-8000-000000000000"}
    refused(till.post(at, stranger), 400, "validation_failed")
    refused(till.post(at, turn(anna, store="nowhere")), 400, "validation_failed")
    refused(till.post(at, turn(anna, answers=[1])), 400, "validation_failed")
    did(till.post(f"games/{game['id']}/pause", {}))
    refused(till.post(at, turn(anna)), 409, "game_closed")
    assert AwardBalance.objects.get().balance == 1


def test_the_same_key_and_the_same_reference_are_one_play(till, anna):
    game = started(till)
    give_turns(anna, Game.objects.get(), 3)
    at = f"games/{game['id']}/plays"

    answers = [till.post(at, turn(anna), key) for key in ("k", "k", "l")]

    assert len({answer.content for answer in answers}) == 1
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert GamePlay.objects.count() == 1


def test_a_link_opens_the_page_for_this_member(till, anna, client):
    game = started(till)
    give_turns(anna, Game.objects.get())

    link = did(till.post(f"games/{game['id']}/links", {"member": str(anna.public_id)}))

    path = link["url"].removeprefix("http://testserver")
    page = client.get(path)
    assert page.status_code == 200
    assert b"turn left" in page.content


def test_an_undone_play_is_undone_once(till, anna):
    game = make_game(make_programme(), POINTS)
    give_turns(anna, game)
    made = play(game, anna)

    did(till.post(f"plays/{made.public_id}/cancel", {"reason": "a mistake"}))

    refused(till.post(f"plays/{made.public_id}/cancel", {"reason": "x"}), 409, "play_state")
    [prize] = did(till.get(f"members/{anna.public_id}/prizes"))["data"]
    assert prize["state"] == "cancelled"


def test_a_used_coupon_keeps_the_play(till, anna):
    coupon = {**WIN, "kind": "coupon", "what": "base", "amount": 1}
    game = started(till, sets=[{"prizes": [coupon]}])
    give_turns(anna, Game.objects.get())
    made = did(till.post(f"games/{game['id']}/plays", turn(anna)), 201)
    Coupon.objects.filter(code=made["win"]["coupons"][0]).update(uses=1)

    refused(till.post(f"plays/{made['id']}/cancel", {"reason": "x"}), 409, "prize_state")


def test_a_prize_is_handed_over_with_its_proof(till, anna):
    trip = {**WIN, "kind": "gift_card", "amount": 500, "value_minor": 500}
    game = started(till, sets=[{"prizes": [trip]}])
    give_turns(anna, Game.objects.get())
    won = did(till.post(f"games/{game['id']}/plays", turn(anna)), 201)["win"]
    gift_cards.issue(programme=make_programme(), numbers=["ABCD12345678"], actor=SYSTEM)
    StoreFactory(code="S1")
    body = {"proof": "Act 7", "store": "S1", "gift_card": "ABCD12345678"}

    done = did(till.post(f"prizes/{won['id']}/hand-over", body))

    assert (done["state"], done["proof"]) == ("handed", "Act 7")
    refused(till.post(f"prizes/{won['id']}/hand-over", body), 409, "prize_state")
    refused(till.post(f"prizes/{won['id']}/cancel", {"reason": "x"}), 409, "prize_state")


def test_the_years_of_members_above_the_tax_free_sum(till, anna):
    car = {**WIN, "kind": "other", "label": "A car", "value_minor": 900_000}
    game = started(till, sets=[{"prizes": [car]}])
    give_turns(anna, Game.objects.get())
    did(till.post(f"games/{game['id']}/plays", turn(anna)), 201)

    told = did(till.get(f"prizes/tax?year={clock.now().year}"))

    [row] = told["data"]
    assert (row["member"], row["tax_minor"]) == (str(anna.public_id), 175_000)
    refused(till.get("prizes/tax?year=soon"), 400, "validation_failed")


@pytest.mark.parametrize("path", ["games", "draws", "contests", "contest-works", "plays", "prizes"])
def test_what_is_not_there_is_not_found(till, path):
    gone = "01890000-0000-7000-8000-000000000000"
    verb = {"contest-works": "let-in", "plays": "cancel", "prizes": "cancel"}.get(path)
    answer = (
        till.post(f"{path}/{gone}/{verb}", {"reason": "x"} if verb == "cancel" else {})
        if verb
        else till.get(f"{path}/{gone}")
    )

    refused(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("scopes", "status"), [(["games:read"], 403), (["games:play"], 201), (["draws:write"], 403)]
)
def test_playing_needs_its_own_scope(anna, scopes, status):
    game = make_game(make_programme())
    give_turns(anna, game)

    answer = Till(*scopes).post(f"games/{game.public_id}/plays", turn(anna))

    assert answer.status_code == status
    assert GamePlay.objects.count() == (status == 201)


# Draws

DRAW = {
    "code": "summer", "title": "Summer draw", **TERMS,
    "prizes": [{"label": "A trip", "value_minor": 500_000}], "reserves": 1,
}  # fmt: skip


def dated(**changes):
    now = clock.now()
    days = {"starts_at": -1, "ends_at": 1, "draws_at": 2}
    times = {name: (now + timedelta(days=d)).isoformat() for name, d in days.items()}
    until = (now + timedelta(days=30)).date().isoformat()
    return {**DRAW, **times, "hand_over_until": until, **changes}


def test_a_draw_is_published_only_when_it_tells_all(till):
    made = did(till.post("draws", DRAW), 201)
    assert {one["pointer"] for one in made["missing"]} == {
        "/starts_at", "/ends_at", "/draws_at", "/hand_over_until",
    }  # fmt: skip

    problem = refused(till.post(f"draws/{made['id']}/publish", {}), 422, "draw_invalid")
    assert len(problem["errors"]) == 4

    assert did(put(till, f"draws/{made['id']}", dated()))["missing"] == []
    told = did(till.post(f"draws/{made['id']}/publish", {}))
    assert (told["state"], told["seed"], len(told["seed_hash"])) == ("published", None, 64)
    refused(put(till, f"draws/{made['id']}", dated(), "again"), 409, "draw_state")


def test_a_draw_to_the_hand_over(till, client):
    made = did(till.post("draws", dated()), 201)
    at = f"draws/{made['id']}"
    did(till.post(f"{at}/publish", {}))
    members = [MemberFactory(name=f"Anna Petrova {number}") for number in range(3)]
    for member in members:
        asked = {"member": str(member.public_id), "count": 2, "reason": "By post"}
        did(till.post(f"{at}/tickets", asked))
    refused(till.post(f"{at}/close", {}), 409, "draw_state")
    refused(till.get(f"{at}/verify"), 409, "draw_state")
    with time_machine.travel(clock.now() + timedelta(days=1, hours=1)):
        closed = did(till.post(f"{at}/close", {}))
    assert (closed["participants"], closed["tickets"]) == (3, 6)
    assert [one["first"] for one in did(till.get(f"{at}/entries"))["data"]] == [1, 3, 5]
    with time_machine.travel(clock.now() + timedelta(days=2, hours=1)):
        drawn = did(till.post(f"{at}/draw", {}))
        refused(till.post(f"{at}/draw", {}), 409, "draw_state")
    assert len(drawn["seed"]) == 64

    first, reserve = did(till.get(f"{at}/winners"))["data"]
    assert (first["state"], reserve["state"]) == ("asked", "reserve")
    did(till.post(f"{at}/winners/1/refuse", {"note": "Moved abroad"}))
    did(till.post(f"{at}/winners/2/accept", {}))
    done = did(till.post(f"{at}/winners/2/hand-over", {"proof": "Act 12"}))
    assert (done["prize"], done["state"], done["win"]["proof"]) == ("A trip", "handed", "Act 12")
    assert did(till.post(f"{at}/finish", {}))["state"] == "handed_over"
    assert did(till.get(f"{at}/verify"))["agrees"] is True
    refused(till.post(f"{at}/winners/9/accept", {}), 404, "not_found")

    page = client.get(reverse("verify-draw", args=[made["id"]])).content.decode()
    assert "The winners follow from the list and the seed." in page
    assert "Petrova" not in page


def test_a_draw_is_called_off_with_a_reason(till):
    made = did(till.post("draws", dated()), 201)

    told = did(till.post(f"draws/{made['id']}/cancel", {"reason": "rain"}))

    assert told["state"] == "cancelled"
    asked = {"member": str(MemberFactory().public_id), "count": 1, "reason": "x"}
    refused(till.post(f"draws/{made['id']}/tickets", asked), 409, "draw_state")


# Contests


def contest(till, **changes):
    now = clock.now()
    days = {"starts_at": -1, "ends_at": 1, "results_at": 2}
    times = {name: (now + timedelta(days=d)).isoformat() for name, d in days.items()}
    body = {"code": "photo", "title": "Photo", "prizes": [{"place": 1, "label": "A trip"}]}
    return did(till.post("contests", {**body, **TERMS, **times, **changes}), 201)


def test_a_contest_from_its_terms_to_its_prizes(till):
    made = contest(till)
    at = f"contests/{made['id']}"
    did(till.post(f"{at}/open", {}))
    works = [
        did(till.post(f"{at}/works", {
            "member": str(MemberFactory().public_id), "title": f"Work {number}", "body": "x",
            "source_ref": f"w{number}",
        }), 201)["id"]
        for number in range(3)
    ]  # fmt: skip
    refused(till.post(f"{at}/close", {}), 409, "contest_state")
    for work in works[:2]:
        did(till.post(f"contest-works/{work}/let-in", {}))
    did(till.post(f"contest-works/{works[2]}/reject", {"reason": "no photo"}))
    did(till.post(f"{at}/close", {}))
    for work, mark in zip(works, (6, 9), strict=False):
        did(till.post(f"contest-works/{work}/mark", {"mark": mark}))
    refused(till.post(f"contest-works/{works[0]}/score", {"score": 1}), 409, "contest_state")

    assert [row["work"] for row in did(till.get(f"{at}/standing"))["data"]] == [works[1], works[0]]
    assert did(till.post(f"{at}/publish", {}))["state"] == "published"
    places = {row["id"]: row["place"] for row in did(till.get(f"{at}/works"))["data"]}
    assert places == {works[0]: 2, works[1]: 1, works[2]: None}


def test_an_open_contest_tells_all(till):
    made = contest(till, organiser="")

    problem = refused(till.post(f"contests/{made['id']}/open", {}), 422, "contest_invalid")

    assert [one["pointer"] for one in problem["errors"]] == ["/organiser"]
    assert did(till.get("contests"))["data"][0]["id"] == made["id"]


def test_lists_cost_the_same_however_long(till, anna, django_assert_num_queries):
    game = make_game(make_programme(), POINTS)
    give_turns(anna, game, 6)
    for _number in range(6):
        play(game, anna)
    till.get(f"members/{anna.public_id}/plays")

    with django_assert_num_queries(3):
        assert len(did(till.get(f"members/{anna.public_id}/plays"))["data"]) == 6
