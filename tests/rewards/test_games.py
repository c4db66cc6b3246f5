"""Games: worded within bounds, played once a turn, undone as a whole, checked by anybody."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from members.errors import MemberNotActive
from members.models import Member
from members.services.groups import tag_member
from rewards.errors import GameClosed, GameInvalid, GameState, NoTurnsLeft, PlayState, PrizeState
from rewards.models import (
    AwardMove,
    Coupon,
    Game,
    GamePeriod,
    GamePlay,
    GamePrize,
    PrizeWin,
    TierStructure,
    Wallet,
)
from rewards.services import games, prizes, tiers
from rewards.services.games import PrizePlan, SetPlan
from rewards.services.tiers.ladders import Step
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.game_tools import NOTHING, POINTS, TEN, give_turns, make_game, play

pytestmark = pytest.mark.django_db

ALWAYS = replace(POINTS, weight=1)


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def anna():
    return MemberFactory()


def left(member, game):
    return prizes.turns_of(member_id=member.pk, kind="game_plays", code=game.code)


def balance(member):
    return Wallet.objects.get(member=member, kind="points").posted


def codes(refusal):
    return {one["code"] for one in refusal.value.detail["errors"]}


# The editor


def test_a_game_below_the_floor_is_refused_with_its_chance(programme):
    with pytest.raises(GameInvalid) as refusal:
        make_game(programme, replace(POINTS, weight=24), replace(NOTHING, weight=76))

    [fault] = refusal.value.detail["errors"]
    assert fault["code"] == "below_floor"
    assert fault["params"] == {"chance": 2_400, "floor": 2_500}
    assert not Game.objects.exists()


def test_the_floor_is_the_programmes(programme):
    prizes.save_bounds(programme=programme, win_floor_basis_points=5_000, actor=SYSTEM)

    with pytest.raises(GameInvalid):
        make_game(programme)


def test_every_set_has_to_reach_the_floor(programme):
    poor = SetPlan((replace(POINTS, weight=1), replace(NOTHING, weight=9)), "vip", tag="vip")

    with pytest.raises(GameInvalid) as refusal:
        make_game(programme, sets=[poor, SetPlan((POINTS, NOTHING))])

    assert codes(refusal) == {"below_floor"}


@pytest.mark.parametrize(
    ("prizes_", "code"),
    [
        ([replace(POINTS, stock=3), NOTHING], "no_consolation"),
        ([PrizePlan("g", "A gift", "gift", "no-such-sku")], "unknown"),
        ([PrizePlan("c", "A coupon", "coupon", "no-such-promotion")], "unknown"),
        ([replace(POINTS, amount=0)], "unknown"),
        ([POINTS, replace(NOTHING, code="points")], "codes_differ"),
        ([], "count"),
        ([replace(NOTHING, is_consolation=True), POINTS], "runs_out"),
    ],
)
def test_what_does_not_hold_together_is_named(programme, prizes_, code):
    game = Game(programme=programme, code="g", name="G")

    with pytest.raises(GameInvalid) as refusal:
        games.save_game(game=game, sets=[SetPlan(tuple(prizes_))], actor=SYSTEM)

    assert code in codes(refusal)


def test_a_code_is_taken_once(programme):
    make_game(programme, code="wheel")

    with pytest.raises(GameInvalid) as refusal:
        make_game(programme, code="wheel")

    assert codes(refusal) == {"taken"}


def test_a_running_game_keeps_its_odds(programme):
    game = make_game(programme)

    with pytest.raises(GameState):
        games.save_game(game=game, sets=[SetPlan((POINTS, NOTHING))], actor=SYSTEM)


def test_new_odds_begin_a_new_period_and_the_old_seed_comes_out(programme, anna):
    game = make_game(programme)
    give_turns(anna, game)
    first = play(game, anna).period
    games.pause_game(game=game, actor=SYSTEM)
    richer = SetPlan((replace(POINTS, weight=60), NOTHING))
    games.save_game(game=game, sets=[richer], actor=SYSTEM)

    games.start_game(game=game, actor=SYSTEM)

    assert [one.number for one in game.periods.order_by("number")] == [1, 2]
    assert games.reveal_due(clock.now()) == 1
    assert games.reveal_due(clock.now()) == 0
    first.refresh_from_db()
    assert first.revealed_at


def test_a_pause_without_a_change_keeps_the_period(programme):
    game = make_game(programme)
    games.pause_game(game=game, actor=SYSTEM)

    games.start_game(game=game, actor=SYSTEM)

    assert game.periods.count() == 1


def test_a_prize_that_was_drawn_stays(programme, anna):
    game = make_game(programme, ALWAYS)
    give_turns(anna, game)
    play(game, anna)
    games.pause_game(game=game, actor=SYSTEM)

    with pytest.raises(GameInvalid) as refusal:
        games.save_game(game=game, sets=[SetPlan((TEN,))], actor=SYSTEM)

    assert codes(refusal) == {"was_drawn"}


# Playing


def test_a_turn_is_used_and_the_points_are_there(programme, anna):
    game = make_game(programme, ALWAYS)
    give_turns(anna, game, 2)

    made = play(game, anna)

    assert (left(anna, game), balance(anna)) == (1, 50)
    assert made.win.state == "given"
    assert made.win.source == f"game:{game.public_id}"


def test_a_repeat_answers_with_the_first_play(programme, anna):
    game = make_game(programme, ALWAYS)
    give_turns(anna, game, 2)

    first, second = play(game, anna, "key"), play(game, anna, "key", nonce="other")

    assert first == second
    assert (left(anna, game), balance(anna)) == (1, 50)


def test_a_reference_of_another_game_is_refused(programme, anna):
    game, other = make_game(programme), make_game(programme)
    give_turns(anna, game)
    give_turns(anna, other)
    play(game, anna, "key")

    with pytest.raises(SourceRefConflict):
        play(other, anna, "key")

    assert left(anna, other) == 1


def test_without_a_turn_nothing_happens(programme, anna):
    game = make_game(programme, ALWAYS)

    with pytest.raises(NoTurnsLeft):
        play(game, anna)

    assert not GamePlay.objects.exists()


def test_the_database_lets_no_turn_go_below_zero(programme, anna):
    game = make_game(programme)

    with pytest.raises(IntegrityError, match="no turn is left"), transaction.atomic():
        AwardMove.objects.create(
            member=anna, kind="game_plays", code=game.code, amount=-1, reason="play:x"
        )


@pytest.mark.parametrize("nonce", ["", "a:b", "é", "x" * 65])
def test_a_number_that_is_none_is_refused(programme, anna, nonce):
    game = make_game(programme)
    give_turns(anna, game)

    with pytest.raises(ValidationFailed):
        play(game, anna, nonce=nonce)

    assert left(anna, game) == 1


def test_a_game_that_does_not_run_keeps_the_turns(programme, anna):
    game = make_game(programme)
    give_turns(anna, game)
    games.pause_game(game=game, actor=SYSTEM)

    with pytest.raises(GameClosed) as refusal:
        play(game, anna)

    assert refusal.value.detail == {"state": "paused"}
    assert left(anna, game) == 1


def test_a_game_has_a_beginning_and_an_end(programme, anna):
    now = clock.now()
    game = make_game(programme, starts_at=now + timedelta(hours=1), ends_at=now + timedelta(days=2))
    give_turns(anna, game, 2)

    for moment, state in ((now, "not_begun"), (now + timedelta(days=2), "ended")):
        with time_machine.travel(moment, tick=False), pytest.raises(GameClosed) as refusal:
            play(game, anna)
        assert refusal.value.detail == {"state": state}
    with time_machine.travel(now + timedelta(hours=2), tick=False):
        assert play(game, anna).period.ends_at == game.ends_at


def test_a_closed_member_does_not_play(programme, anna):
    game = make_game(programme)
    give_turns(anna, game)
    Member.objects.update(status="closed")

    with pytest.raises(MemberNotActive):
        play(game, anna)


def test_tag_and_tier_choose_the_prizes(programme, anna):
    club = TierStructure(programme=programme, code="club", name="Club", is_primary=True)
    tiers.save_structure(structure=club, steps=[Step("gold", "Gold", 0)], actor=SYSTEM)
    golden, tagged, plain = MemberFactory(), anna, MemberFactory()
    tiers.rise_members(structure=club, member_ids=[golden.pk])
    tag_member(member=tagged, code="vip", source="test", actor=SYSTEM)
    game = make_game(
        programme,
        sets=[
            SetPlan((ALWAYS,), "vip", tag="vip"),
            SetPlan((ALWAYS,), "gold", tier="gold"),
            SetPlan((ALWAYS,)),
        ],
    )

    for member in (golden, tagged, plain):
        give_turns(member, game)
    found = [play(game, member).prize_set for member in (golden, tagged, plain)]

    assert found == ["gold", "vip", "all"]


def test_a_quiz_draws_only_for_right_answers(programme, anna):
    questions = [{"text": "2 + 2?", "options": ["3", "4"], "right": 1}]
    game = make_game(programme, ALWAYS, form="quiz", questions=questions)
    give_turns(anna, game, 2)

    wrong, right = play(game, anna, answers=[0]), play(game, anna, answers=[1])

    assert (wrong.prize, wrong.value) == (None, None)
    assert right.win.label == "50 points"
    assert left(anna, game) == 0
    for answers in ([], [2], [0, 1]):
        with pytest.raises(ValidationFailed):
            play(game, anna, answers=answers)


# Stock and budget


def test_an_empty_prize_becomes_the_consolation_so_that_the_chance_is_kept(programme, anna):
    game = make_game(programme, replace(ALWAYS, stock=1), replace(TEN, weight=0))
    give_turns(anna, game, 2)

    first, second = play(game, anna), play(game, anna)

    assert (first.prize.code, second.prize.code) == ("points", "ten")
    assert second.drawn.code == "points"
    assert balance(anna) == 60


def test_a_budget_is_never_exceeded_and_the_game_pauses_behind_it(programme, anna):
    game = make_game(
        programme,
        replace(ALWAYS, cost_minor=50),
        replace(TEN, weight=0, cost_minor=10),
        budget_minor=75,
    )
    give_turns(anna, game, 9)

    won = [play(game, anna).prize.code for _turn in range(3)]

    game.refresh_from_db()
    assert won == ["points", "ten", "ten"]
    assert (game.spent_minor, game.state) == (70, "paused")
    with pytest.raises(GameClosed):
        play(game, anna)
    assert left(anna, game) == 6


def test_without_a_consolation_the_game_pauses_with_the_last_piece(programme, anna):
    game = make_game(programme, replace(ALWAYS, stock=1), on_empty="pause")
    give_turns(anna, game, 2)

    play(game, anna)

    game.refresh_from_db()
    assert game.state == "paused"
    with pytest.raises(GameClosed):
        play(game, anna)
    assert left(anna, game) == 1


def test_the_database_gives_no_piece_too_many(programme):
    make_game(programme, replace(ALWAYS, stock=1), replace(TEN, weight=0))

    with pytest.raises(IntegrityError, match="prize_stock_never_exceeded"), transaction.atomic():
        GamePrize.objects.filter(code="points").update(given=2)
    with pytest.raises(IntegrityError, match="game_budget_never_exceeded"), transaction.atomic():
        Game.objects.update(budget_minor=5, spent_minor=6)


# Undoing


def test_an_undone_play_gives_back_turn_prize_piece_and_budget(programme, anna):
    game = make_game(
        programme, replace(ALWAYS, stock=1, cost_minor=50), replace(TEN, weight=0), budget_minor=100
    )
    give_turns(anna, game)
    made = play(game, anna)

    games.cancel_play(play=made, reason="a mistake", actor=SYSTEM)

    game.refresh_from_db()
    prize = GamePrize.objects.get(code="points")
    assert (left(anna, game), balance(anna), prize.given, game.spent_minor) == (1, 0, 0, 0)
    assert PrizeWin.objects.get().state == "cancelled"
    with pytest.raises(PlayState):
        games.cancel_play(play=made, reason="again", actor=SYSTEM)


def test_a_used_coupon_cannot_come_back(programme, anna):
    promotion = programme.promotions.get(code="base")
    game = make_game(programme, PrizePlan("c", "A coupon", "coupon", promotion.code))
    give_turns(anna, game)
    made = play(game, anna)
    [code] = made.win.detail["coupons"]
    Coupon.objects.filter(code=code).update(uses=1)

    with pytest.raises(PrizeState), transaction.atomic():
        games.cancel_play(play=made, reason="a mistake", actor=SYSTEM)

    assert left(anna, game) == 0


def test_another_turn_is_a_prize_too(programme, anna):
    first = make_game(programme)
    game = make_game(programme, PrizePlan("t", "Two more turns", "game_plays", first.code, 2))
    give_turns(anna, game)

    made = play(game, anna)

    assert left(anna, first) == 2
    games.cancel_play(play=made, reason="a mistake", actor=SYSTEM)
    assert left(anna, first) == 0


# Proof


def again(play_):
    """A play, recomputed from what is public alone, by code that shares nothing with ours."""
    period = play_.period
    table = json.loads(json.dumps(period.table))
    text = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == period.table_hash
    assert hashlib.sha256(bytes.fromhex(period.seed)).hexdigest() == period.seed_hash
    [chosen] = [one for one in table["sets"] if one["code"] == play_.prize_set]
    wheel = [prize["code"] for prize in chosen["prizes"] for _ in range(prize["weight"])]
    message = f"{period.public_id}:{play_.player}:{play_.sequence}:{play_.nonce}:{play_.prize_set}"
    counter = 0
    while True:
        block = hmac.digest(bytes.fromhex(period.seed), f"{message}:{counter}".encode(), "sha256")
        number = int(block.hex()[:16], 16)
        if number < 2**64 - 2**64 % len(wheel):
            return wheel[number % len(wheel)]
        counter += 1


def test_every_play_follows_from_the_published_seed(programme, anna):
    game = make_game(programme)
    give_turns(anna, game, 12)
    made = [play(game, anna, nonce=f"n{number}") for number in range(12)]
    games.end_game(game=game, actor=SYSTEM)
    games.reveal_due(clock.now())

    found = GamePlay.objects.select_related("period", "drawn", "prize").order_by("pk")

    assert len({one.drawn.code for one in found}) == 2
    for one in found:
        assert again(one) == one.drawn.code
        checked = games.check(one)
        assert checked.agrees
        assert [line.label for line in checked.lines if line.is_drawn] == [one.drawn.label]
    assert [one.sequence for one in made] == list(range(1, 13))


def test_the_seed_stays_at_home_until_the_period_is_over(programme, anna):
    game = make_game(programme)
    give_turns(anna, game)

    checked = games.check(play(game, anna))

    assert (checked.seed, checked.steps, checked.value) == ("", (), None)
    assert games.reveal_due(clock.now()) == 0


def test_a_play_that_was_changed_is_seen(programme, anna):
    game = make_game(programme, replace(POINTS, weight=30), replace(NOTHING, weight=70))
    give_turns(anna, game)
    made = play(game, anna)
    games.end_game(game=game, actor=SYSTEM)
    games.reveal_due(clock.now())
    made.refresh_from_db()

    made.nonce = "another"

    assert games.check(made).value != made.value
    assert not games.check(made).agrees


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE rewards_gameplay SET nonce = 'x'",
        "DELETE FROM rewards_gameplay",
        "UPDATE rewards_gameperiod SET seed = repeat('00', 32)",
        "UPDATE rewards_gameperiod SET table_hash = ''",
        "DELETE FROM rewards_gameperiod",
        "UPDATE rewards_gameperiod SET ends_at = ends_at + interval '1 day'",
        "UPDATE rewards_game SET state = 'draft'",
        "UPDATE rewards_prizewin SET amount = 9",
        "UPDATE rewards_prizewin SET state = 'due'",
    ],
)
def test_history_is_not_rewritten(programme, anna, sql):
    game = make_game(programme, ALWAYS)
    give_turns(anna, game)
    play(game, anna)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_no_play_is_written_once_the_seed_is_out(programme, anna):
    game = make_game(programme)
    give_turns(anna, game, 2)
    made = play(game, anna)
    games.end_game(game=game, actor=SYSTEM)
    games.reveal_due(clock.now())

    made.pk, made.reference, made.sequence = None, "late", 2
    with pytest.raises(IntegrityError, match="seed of this period is out"), transaction.atomic():
        made.save(force_insert=True)


def test_a_new_period_begins_by_the_clock_with_another_seed(programme, anna):
    game = make_game(programme, period_days=1)
    give_turns(anna, game, 2)
    first = play(game, anna).period

    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1), tick=False):
        second = play(game, anna).period

    assert second.number == first.number + 1
    assert second.seed != first.seed
    assert GamePeriod.objects.count() == 2
