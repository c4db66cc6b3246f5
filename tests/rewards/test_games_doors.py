"""Games through the doors of people: the phone's page, the till, the back office, the proofs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Contest, Draw, Game, GamePlay, PrizeWin
from rewards.services import contests, draws, games, prizes
from rewards.services.games import PrizePlan
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.game_tools import (
    POINTS,
    give_tickets,
    give_turns,
    make_draw,
    make_game,
    play,
)
from tests.staff import at_desk, cost_of
from tests.till import Till, form_of, text_of

pytestmark = pytest.mark.django_db

ALWAYS = replace(POINTS, weight=1)
TRIP = PrizePlan("trip", "A trip", "other", value_minor=900_000)


@pytest.fixture
def anna():
    return MemberFactory(name="Anna Petrova")


def way_in(game, member):
    return reverse("play", args=[games.entry_token(game=game, member=member)])


def left(member, game):
    return prizes.turns_of(member_id=member.pk, kind="game_plays", code=game.code)


# On the phone


def test_a_form_plays_without_scripts_and_once(client, anna):
    game = make_game(make_programme(), ALWAYS)
    give_turns(anna, game, 2)
    address = way_in(game, anna)
    form = form_of(client.get(address))

    answers = [client.post(address, form) for _twice in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].url == answers[1].url
    page = text_of(client.get(answers[0].url))
    assert "You have won 50 points" in page
    assert "1 turn left" in page
    assert GamePlay.objects.get().door == "web"


def test_the_script_is_told_where_the_wheel_stops(client, anna):
    game = make_game(make_programme(), ALWAYS)
    give_turns(anna, game)
    address = way_in(game, anna)
    form = form_of(client.get(address))

    told = client.post(address, form, headers={"Accept": "application/json"}).json()

    assert told["won"] is True
    assert told["label"] == "50 points"
    assert 1440 < told["turn"] < 1800
    refused = client.post(
        address, {**form, "key": "01890000-0000-7000-8000-000000000000"},
        headers={"Accept": "application/json"},
    )  # fmt: skip
    assert refused.status_code == 422
    assert refused.json() == {"problem": "No turns are left in this game"}


@pytest.mark.parametrize("form", ["wheel", "scratch", "slot"])
def test_every_form_shows_chances_and_what_was_committed(client, anna, form):
    game = make_game(make_programme(), form=form)
    give_turns(anna, game)

    page = client.get(way_in(game, anna)).content.decode()

    assert game.periods.get().seed_hash in page
    assert game.periods.get().seed not in page
    assert "30.00 %" in page
    assert " style=" not in page


def test_a_quiz_is_answered_on_the_page(client, anna):
    questions = [{"text": "2 + 2?", "options": ["3", "4"], "right": 1}]
    game = make_game(make_programme(), ALWAYS, form="quiz", questions=questions)
    give_turns(anna, game, 2)
    address = way_in(game, anna)
    hidden = {name: value for name, value in form_of(client.get(address)).items() if name != "q0"}

    assert client.post(address, hidden).status_code == 422
    wrong = client.post(address, {**hidden, "q0": "0"})
    assert "Not all answers were right" in text_of(client.get(wrong.url))
    assert left(anna, game) == 1


@pytest.mark.parametrize("token", ["x", "W10:1tX:abc"])
def test_a_forged_link_opens_nothing(client, token):
    answer = client.get(reverse("play", args=[token]))

    assert answer.status_code == 410
    assert "The link has run out" in answer.content.decode()


def test_a_link_ends_after_two_hours_and_shows_nobody_elses_play(client, anna):
    game = make_game(make_programme(), ALWAYS)
    other = MemberFactory()
    give_turns(other, game)
    made = play(game, other)
    address = way_in(game, anna)

    assert "You have won" not in client.get(f"{address}?play={made.public_id}").content.decode()
    with time_machine.travel(clock.now() + timedelta(hours=2, minutes=1)):
        assert client.get(address).status_code == 410


# The proofs


def test_the_proof_shows_every_step_when_the_seed_is_out(client, anna):
    game = make_game(make_programme())
    give_turns(anna, game)
    made = play(game, anna)
    address = reverse("verify-play", args=[made.public_id])

    before = client.get(address).content.decode()
    games.end_game(game=game, actor=SYSTEM)
    games.reveal_due(clock.now())
    after = client.get(address).content.decode()

    seed = game.periods.get().seed
    assert seed not in before
    assert seed in after
    assert "The result follows from what was fixed before." in after
    assert "Petrova" not in after
    assert str(anna.public_id) not in after


def test_the_list_of_a_draw_is_a_file_whose_hash_is_published(client, anna):
    draw = make_draw(make_programme())
    give_tickets(anna, draw, 3)
    page, file = (reverse(name, args=[draw.public_id]) for name in ("verify-draw", "draw-list"))
    assert client.get(file).status_code == 404
    assert "Tickets are still given" in client.get(page).content.decode()

    with time_machine.travel(draw.ends_at + timedelta(seconds=1)):
        draws.freeze_list(draw=draw, actor=SYSTEM)

    text = b"".join(client.get(file).streaming_content).decode()
    assert re.fullmatch(r"[0-9a-f]{16},1,3\n", text)


def test_a_draft_is_seen_by_nobody(client):
    programme = make_programme()
    draw = make_draw(programme, publish=False)
    contest = Contest.objects.create(programme=programme, code="photo", title="Photo")

    assert client.get(reverse("verify-draw", args=[draw.public_id])).status_code == 404
    assert client.get(reverse("contest-results", args=[contest.public_id])).status_code == 404


# At the till


def test_the_cashier_plays_for_the_member_and_hands_the_prize_over(anna):
    game = make_game(make_programme(), TRIP)
    give_turns(anna, game)
    till = Till()
    page = till.get("games", anna.public_id)
    assert "Petrova" not in text_of(page)
    form = form_of(page)

    answers = [till.post("game-play", anna.public_id, game.public_id, **form) for _ in range(2)]

    assert answers[0].url == answers[1].url
    shown = till.client.get(answers[0].url)
    assert "Won A trip" in text_of(shown)
    assert "above the tax-free sum" in text_of(shown)
    win = PrizeWin.objects.get()
    hand = {**form_of(shown), "proof": "Act 5"}
    assert till.post("prize-hand", anna.public_id, win.public_id, **hand).status_code == 302
    win.refresh_from_db()
    assert (win.state, win.proof, win.handed_store) == ("handed", "Act 5", till.terminal.store)
    assert "No turns and no prizes" in text_of(till.get("games", anna.public_id))


def test_what_the_till_may_not_do_is_told(anna):
    game = make_game(make_programme(), TRIP)
    give_turns(anna, game)
    till = Till()
    form = form_of(till.get("games", anna.public_id))
    games.pause_game(game=game, actor=SYSTEM)

    answer = till.post("game-play", anna.public_id, game.public_id, **form)

    assert answer.status_code == 422
    assert "This game cannot be played now" in text_of(answer)


# In the back office


def game_form(**changes):
    form = {
        "name": "Wheel", "code": "wheel", "form": "wheel", "on_empty": "substitute",
        "expected_plays": "1000", "period_days": "7", "budget_minor": "", "terms": "", "quiz": "",
        "starts_at": "", "ends_at": "",
        "sets-TOTAL_FORMS": "1", "sets-INITIAL_FORMS": "0",
        "prizes-TOTAL_FORMS": "2", "prizes-INITIAL_FORMS": "0",
        "prizes-0-label": "50 points", "prizes-0-kind": "points", "prizes-0-amount": "50",
        "prizes-0-weight": "1", "prizes-0-cost": "0.50", "prizes-0-prize_set": "all",
        "prizes-1-label": "Nothing", "prizes-1-kind": "nothing", "prizes-1-weight": "3",
        "prizes-1-prize_set": "all",
    }  # fmt: skip
    return {**form, **changes}


def test_a_marketer_words_a_game_sees_its_cost_and_starts_it():
    make_programme()
    desk = at_desk("marketer")

    saved = desk.post("/admin/rewards/game/new/", game_form())

    game = Game.objects.get()
    assert saved.url == f"/admin/rewards/game/{game.pk}/change/"
    page = desk.get(saved.url).content.decode()
    assert "25.00" in page
    assert "0.13" in page.replace("\xa0", " ")
    desk.post(f"/admin/rewards/game/{game.pk}/do/start/")
    game.refresh_from_db()
    assert game.state == "running"
    assert game.periods.get().seed_hash in desk.get(saved.url).content.decode()


def test_the_editor_refuses_a_chance_below_the_floor_and_shows_it_before():
    make_programme()
    desk, poor = at_desk("marketer"), game_form(**{"prizes-1-weight": "4"})

    drawn = desk.post("/admin/rewards/game/odds/", poor).content.decode()
    saved = desk.post("/admin/rewards/game/new/", poor)

    assert "is-bad" in drawn
    assert "20.00" in drawn
    assert saved.status_code == 422
    assert "the least allowed is 25.00 %" in saved.content.decode()
    assert not Game.objects.exists()


def test_the_editor_keeps_prizes_by_their_code_and_other_sets():
    programme = make_programme()
    desk = at_desk("marketer")
    extra = {
        "sets-0-code": "vip", "sets-0-tag": "vip", "prizes-TOTAL_FORMS": "3",
        "prizes-2-label": "100 points", "prizes-2-kind": "points", "prizes-2-amount": "100",
        "prizes-2-prize_set": "vip",
    }  # fmt: skip
    desk.post("/admin/rewards/game/new/", game_form(**extra))
    game = Game.objects.get(programme=programme)

    page = desk.get(f"/admin/rewards/game/{game.pk}/change/")
    again = {**game_form(), **{k: v for k, v in form_of(page).items() if v}}
    desk.post(f"/admin/rewards/game/{game.pk}/change/", again)

    assert [(one.code, one.tag) for one in game.prize_sets.all()] == [("vip", "vip"), ("all", "")]


def test_a_play_is_proved_and_undone_in_the_back_office(anna):
    game = make_game(make_programme(), ALWAYS)
    give_turns(anna, game)
    made = play(game, anna)
    desk, at = at_desk("marketer"), f"/admin/rewards/gameplay/{made.pk}"

    assert "What was fixed before the play" in desk.get(f"{at}/change/").content.decode()
    assert desk.post(f"{at}/undo/", {"reason": "a mistake"}).status_code == 302

    assert left(anna, game) == 1
    assert "Undone" in desk.get(f"{at}/change/").content.decode()


def test_a_draw_is_led_through_its_steps_in_the_cockpit(anna):
    draw = make_draw(make_programme(), publish=False)
    give_tickets(anna, draw, 2)
    desk, at = at_desk("marketer"), f"/admin/rewards/draw/{draw.pk}"
    Draw.objects.filter(pk=draw.pk).update(organiser="")
    assert "Missing: Organiser." in desk.get(f"{at}/change/").content.decode()
    Draw.objects.filter(pk=draw.pk).update(organiser="Tea Shop")

    desk.post(f"{at}/do/publish/")
    with time_machine.travel(draw.ends_at + timedelta(seconds=1)):
        desk.force_login(at_desk_user())
        desk.post(f"{at}/do/close/")
    with time_machine.travel(draw.draws_at + timedelta(seconds=1)):
        desk.force_login(at_desk_user())
        desk.post(f"{at}/do/draw/")
    draw.refresh_from_db()
    assert draw.state == "drawn"
    winner = draw.winners.get()
    desk.force_login(at_desk_user())
    desk.post(f"/admin/rewards/draw/winner/{winner.pk}/accept/")
    desk.post(f"/admin/rewards/draw/winner/{winner.pk}/hand-over/", {"text": "Act 1"})
    page = desk.get(f"{at}/change/").content.decode()

    winner.refresh_from_db()
    assert winner.state == "handed"
    assert "above the tax-free sum of the year" in page
    assert "The winners follow from the list and the seed." in page


def at_desk_user():
    """Whoever leads the draw logs in again: sessions do not live for days."""
    return User.objects.get(username="marketer-desk")


def test_the_jury_marks_on_its_page(anna):
    now = clock.now()
    programme = make_programme()
    contest = Contest(
        programme=programme, code="photo", title="Photo", organiser="o", rules="r",
        information="i", hand_over_place="p", hand_over_terms="t",
        starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1),
        results_at=now + timedelta(days=2),
    )  # fmt: skip
    plan = contests.ContestPrizePlan(1, "A trip")
    contests.save_contest(contest=contest, prizes=[plan], actor=SYSTEM)
    desk, at = at_desk("marketer"), f"/admin/rewards/contest/{contest.pk}"
    desk.post(f"{at}/do/open/")
    work = contests.send_work(
        contest=contest, member=anna, title="Sunset", body="x", source_ref="w", actor=SYSTEM
    )
    desk.post(f"/admin/rewards/contest/work/{work.pk}/do/let-in/")
    desk.post(f"{at}/do/close/")

    judge = at_desk("store_manager")
    judge.post(f"/admin/rewards/contest/work/{work.pk}/mark/", {"mark": "9"})
    desk.post(f"/admin/rewards/contest/work/{work.pk}/mark/", {"mark": "8"})

    page = desk.get(f"{at}/change/").content.decode()
    assert "8.50" in page
    assert "2 marks" in page
    desk.post(f"{at}/do/publish/")
    assert PrizeWin.objects.get().label == "A trip"


def test_the_bounds_are_set_and_the_tax_is_listed(anna):
    game = make_game(make_programme(), TRIP)
    give_turns(anna, game)
    play(game, anna)
    desk = at_desk("marketer")

    page = desk.get("/admin/rewards/prizewin/tax/").content.decode()
    form = {"win_floor_basis_points": "3000", "tax_free_minor": "9000", "tax_basis_points": "3500"}
    desk.post("/admin/rewards/prizewin/bounds/", form)

    assert "1,750.00" in page.replace("\xa0", " ")
    assert prizes.prize_settings(make_programme()).win_floor_basis_points == 3_000
    assert "Nobody is above" in desk.get("/admin/rewards/prizewin/tax/").content.decode()


def test_lists_cost_the_same_however_long(anna):
    game = make_game(make_programme())
    give_turns(anna, game, 8)
    desk = at_desk("marketer")
    play(game, anna)
    few = len(cost_of(desk, "/admin/rewards/gameplay/"))
    for _number in range(7):
        play(game, anna)

    assert len(cost_of(desk, "/admin/rewards/gameplay/")) == few
