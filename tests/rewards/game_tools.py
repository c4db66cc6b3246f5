"""Games and draws as the tests need them: small, whole, and with odds that are known."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Member
from rewards.models import AwardMove, Draw, Game, Programme
from rewards.services import games
from rewards.services.draws import DrawPrizePlan, publish_draw, save_draw
from rewards.services.games import PrizePlan, SetPlan

_numbers = count(1)

POINTS = PrizePlan("points", "50 points", "points", amount=50, weight=30, cost_minor=50)
NOTHING = PrizePlan("nothing", "Better luck next time", "nothing", weight=70)
TEN = PrizePlan("ten", "10 points", "points", amount=10, weight=30, is_consolation=True)
TERMS = {
    "organiser": "Tea Shop Ltd, 1 High Street, no. 123",
    "rules": "One ticket for every 10.00.",
    "information": "https://shop.example/rules, 0800 123",
    "hand_over_place": "Store S1",
    "hand_over_terms": "With a passport, any day from 10 to 20.",
}


def make_game(
    programme: Programme, *prizes: PrizePlan, start: bool = True, sets: Any = (), **values: Any
) -> Game:
    """A running wheel; without prizes 30 % of the plays win 50 points."""
    number = next(_numbers)
    values = {"code": f"wheel-{number}", "name": "Wheel", **values}
    game = Game(programme=programme, **values)
    plans = sets or [SetPlan(prizes or (POINTS, NOTHING))]
    games.save_game(game=game, sets=plans, actor=SYSTEM)
    return games.start_game(game=game, actor=SYSTEM) if start else game


def give_turns(member: Member, game: Game, turns: int = 1) -> None:
    AwardMove.objects.create(
        member=member, kind="game_plays", code=game.code, amount=turns, reason="test"
    )


def give_tickets(member: Member, draw: Draw, tickets: int = 1) -> None:
    AwardMove.objects.create(
        member=member, kind="draw_tickets", code=draw.code, amount=tickets, reason="test"
    )


def play(game: Game, member: Member, reference: str = "", **details: Any) -> Any:
    asked = {"nonce": "luck", "door": "api", "actor": SYSTEM, **details}
    return games.play(
        game=game, member=member, reference=reference or f"ref-{next(_numbers)}", **asked
    )


def make_draw(
    programme: Programme, *prizes: DrawPrizePlan, publish: bool = True, **values: Any
) -> Draw:
    """A published draw with one trip to win; tickets are given from yesterday to tomorrow."""
    now = clock.now()
    terms = {
        "code": f"draw-{next(_numbers)}", "title": "Summer draw",
        "starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1),
        "draws_at": now + timedelta(days=2), "hand_over_until": (now + timedelta(days=30)).date(),
        **TERMS, **values,
    }  # fmt: skip
    draw = Draw(programme=programme, **terms)
    plans = prizes or (DrawPrizePlan("A trip", "other", value_minor=500_000),)
    save_draw(draw=draw, prizes=plans, actor=SYSTEM)
    return publish_draw(draw=draw, actor=SYSTEM) if publish else draw
