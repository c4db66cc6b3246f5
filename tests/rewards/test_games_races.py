"""Sixteen players at one prize, and one turn played by many: never one too many (bar 17–22).

What the others wait for is the prize's row, or the member's wallet and balance.
The controls take the defence away, and see more prizes, or more plays, than there are.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import pytest
from django.db import IntegrityError
from django.db.models import F

from loyalty_crm.kernel.actors import SYSTEM
from rewards.errors import NoTurnsLeft
from rewards.models import AwardBalance, GamePeriod, GamePlay, GamePrize
from rewards.services import games, prizes
from rewards.services.games import claiming, playing
from rewards.services.ledger import wallet_for
from tests.concurrency import race
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.game_tools import POINTS, TEN, give_turns, make_game, play
from tests.rewards.ledger_tools import owner_did

pytestmark = pytest.mark.django_db(transaction=True)

PLAYERS = 16
ALWAYS = replace(POINTS, weight=1, cost_minor=50)
STOCK = "prize_stock_never_exceeded"
STOCK_BACK = f"""
TRUNCATE rewards_game CASCADE;
ALTER TABLE rewards_gameprize ADD CONSTRAINT {STOCK} CHECK (stock IS NULL OR given <= stock)
"""


def players(game, count=PLAYERS, turns=1):
    members = [MemberFactory() for _number in range(count)]
    for member in members:
        give_turns(member, game, turns)
        # Opened beforehand, so that the lock of the wallet is the only thing to wait for.
        wallet_for(member.pk, game.programme)
    return members


def all_play(game, members):
    found = race([partial(play, game, member) for member in members])
    assert found.overlap > PLAYERS // 4
    return found


def won(code):
    return GamePlay.objects.filter(prize__code=code).count()


def test_the_last_prize_is_given_once():
    game = make_game(make_programme(), replace(ALWAYS, stock=1), replace(TEN, weight=0))

    found = all_play(game, players(game))

    assert found.errors == []
    assert (won("points"), won("ten")) == (1, PLAYERS - 1)
    assert GamePrize.objects.get(code="points").given == 1


def test_without_the_condition_the_constraint_still_stands(monkeypatch):
    game = make_game(make_programme(), replace(ALWAYS, stock=1), replace(TEN, weight=0))
    monkeypatch.setattr(claiming, "_take_piece", take_what_was_read)

    found = all_play(game, players(game))

    assert {type(one) for one in found.errors} <= {IntegrityError}
    assert won("points") == 1


def test_the_control_gives_more_than_there_is(monkeypatch):
    """Both taken away, the condition and the constraint: the one piece is given many times."""
    game = make_game(make_programme(), replace(ALWAYS, stock=1), replace(TEN, weight=0))
    monkeypatch.setattr(claiming, "_take_piece", take_what_was_read)
    drop = f"ALTER TABLE rewards_gameprize DROP CONSTRAINT {STOCK}"

    with owner_did(before=drop, after=STOCK_BACK):
        all_play(game, players(game))
        given = won("points")

    assert given > 1


def take_what_was_read(prize):
    """Read, compare, write: what a shop without a conditional update does."""
    if prize.stock is not None and prize.given >= prize.stock:
        raise claiming._Gone
    GamePrize.objects.filter(pk=prize.pk).update(given=F("given") + 1)


def test_a_budget_is_not_exceeded_by_many_at_once():
    game = make_game(
        make_programme(), ALWAYS, replace(TEN, weight=0, cost_minor=10), budget_minor=5 * 50
    )

    all_play(game, players(game))

    game.refresh_from_db()
    assert game.spent_minor == 50 * won("points") + 10 * won("ten")
    assert game.spent_minor <= game.budget_minor
    assert won("points") >= 4


def test_one_turn_is_played_once():
    game = make_game(make_programme(), ALWAYS)
    [member] = players(game, 1)

    found = race([partial(play, game, member) for _number in range(PLAYERS)])

    assert len(found.results) == 1
    assert {type(one) for one in found.errors} == {NoTurnsLeft}
    assert AwardBalance.objects.get().balance == 0


def look_together():
    """All of them have looked before the first of them writes: the sessions truly meet."""
    everybody = threading.Barrier(PLAYERS)

    def look(**asked):
        turns = prizes.turns_of(**asked)
        everybody.wait(timeout=30)
        return turns

    return look


def test_without_the_wallets_lock_the_database_still_counts(monkeypatch):
    game = make_game(make_programme(), ALWAYS)
    [member] = players(game, 1)
    GamePlay.objects.count()
    monkeypatch.setattr(playing, "lock_wallet", lambda _wallet: None)
    monkeypatch.setattr(playing, "turns_of", look_together())

    found = race([partial(play, game, member) for _number in range(PLAYERS)])

    assert len(found.results) == 1
    assert AwardBalance.objects.get().balance == 0


def test_the_control_plays_one_turn_many_times(monkeypatch):
    """No lock, no trigger, no numbered turns: the look alone lets several through."""
    game = make_game(make_programme(), replace(TEN, weight=1))
    [member] = players(game, 1)
    monkeypatch.setattr(playing, "lock_wallet", lambda _wallet: None)
    monkeypatch.setattr(playing, "_give", lambda *_asked: None)
    monkeypatch.setattr(playing, "turns_of", look_together())
    before = """
        ALTER TABLE rewards_awardmove DISABLE TRIGGER turns_never_overspent;
        ALTER TABLE rewards_gameplay DROP CONSTRAINT one_play_per_turn
    """
    after = """
        TRUNCATE rewards_game CASCADE;
        ALTER TABLE rewards_awardmove ENABLE TRIGGER turns_never_overspent;
        ALTER TABLE rewards_gameplay ADD CONSTRAINT one_play_per_turn
            UNIQUE (period_id, member_id, sequence)
    """

    with owner_did(before=before, after=after):
        race([partial(play, game, member) for _number in range(PLAYERS)])
        balance = AwardBalance.objects.get().balance

    assert balance < 0


def test_one_reference_is_one_play():
    game = make_game(make_programme(), ALWAYS)
    [member] = players(game, 1, turns=9)

    found = race([partial(play, game, member, "one click") for _number in range(8)])

    assert found.errors == []
    assert len({one.pk for one in found.results}) == 1
    assert AwardBalance.objects.get().balance == 8


def test_many_first_players_open_one_period():
    game = make_game(make_programme(), ALWAYS)
    # As if the last period were over: everybody finds none, and one of them opens it.
    members = players(game)
    period = GamePeriod.objects.get()
    GamePeriod.objects.update(ends_at=period.starts_at)

    found = all_play(game, members)

    assert found.errors == []
    assert GamePeriod.objects.count() == 2


def test_a_play_is_undone_once():
    game = make_game(make_programme(), ALWAYS)
    [member] = players(game, 1)
    made = play(game, member)

    undo = partial(games.cancel_play, play=made, reason="twice", actor=SYSTEM)
    found = race([undo] * 6)

    assert len(found.results) == 1
    assert AwardBalance.objects.get().balance == 1
