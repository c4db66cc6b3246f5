"""A game begins, pauses, goes on and ends."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import GameInvalid, GameState
from rewards.models import Game
from rewards.rules.fair import canonical, fingerprint
from rewards.rules.odds import is_below
from rewards.services.games.odds import chances_of
from rewards.services.games.periods import close_period, current_period, table_of
from rewards.services.prizes import prize_settings

State = Game.State


@transaction.atomic
def start_game(*, game: Game, actor: Actor) -> Game:
    """Begin, or go on after a pause. Locks the game.

    The first period is committed now. Odds that changed in the pause end the
    period they were not committed in, and begin another. Refused when the chance
    to win is below the floor of today.
    """
    held = _locked(game, State.DRAFT, State.PAUSED)
    _refuse_below(held)
    now = clock.now()
    if held.ends_at and held.ends_at <= now:
        raise GameInvalid(errors=[fault("/ends_at", "past", _("The end of the game is past."))])
    _go(held, State.RUNNING, actor)
    table_hash = fingerprint(canonical(table_of(held)))
    if held.periods.open_at(now).exclude(table_hash=table_hash).exists():
        close_period(held, now)
    current_period(held, now)
    return held


def _refuse_below(game: Game) -> None:
    floor = prize_settings(game.programme).win_floor_basis_points
    sets = chances_of(game)
    if not sets or any(is_below(chances, floor) for _code, chances in sets):
        text = _("The chance to win is below the floor of the programme.")
        raise GameInvalid(errors=[fault("/sets", "below_floor", text, floor=floor)])


@transaction.atomic
def pause_game(*, game: Game, actor: Actor) -> Game:
    """No play until it goes on; turns stay with the members. Locks the game."""
    held = _locked(game, State.RUNNING)
    _go(held, State.PAUSED, actor)
    return held


@transaction.atomic
def end_game(*, game: Game, actor: Actor) -> Game:
    """For good: the period is over, and its seed is published within minutes. Locks the game."""
    held = _locked(game, State.DRAFT, State.RUNNING, State.PAUSED)
    _go(held, State.ENDED, actor)
    close_period(held, clock.now())
    return held


def _locked(game: Game, *allowed: Game.State) -> Game:
    held = Game.objects.select_related("programme").select_for_update(of=("self",), no_key=True)
    found = held.get(pk=game.pk)
    if found.state not in allowed:
        raise GameState(state=found.state)
    return found


def _go(game: Game, state: Game.State, actor: Actor) -> None:
    before, game.state = game.state, state
    game.save(update_fields=["state"])
    event = f"game.{state.value}"
    outbox.emit(event, object_type="game", object_id=str(game.public_id))
    audit.record(
        action=event,
        object_type="game",
        object_id=str(game.public_id),
        before={"state": before},
        after={"state": state},
        actor=actor,
    )
