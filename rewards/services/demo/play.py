"""Games of the demo: a wheel with its plays, and a draw that collects tickets."""

from __future__ import annotations

from datetime import datetime, timedelta

from loyalty_crm.kernel.actors import Actor
from members.models import Member
from rewards.models import Draw, Game, Programme, Wallet
from rewards.services import draws, games
from rewards.services.draws import DrawPrizePlan
from rewards.services.games import PrizePlan, SetPlan
from rewards.services.prizes import grant_turns

PLAYERS = 25
WHEEL = (
    PrizePlan("trip", "Basket of local food", "other", weight=2, stock=5, cost_minor=6_000,
              value_minor=6_000),
    PrizePlan("hundred", "500 points", "points", amount=500, weight=8, cost_minor=500),
    PrizePlan("fifty", "100 points", "points", amount=100, weight=25, cost_minor=100,
              is_consolation=True),
    PrizePlan("again", "One more turn", "game_plays", "market-wheel", weight=5),
    PrizePlan("none", "Better luck next time", "nothing", weight=60),
)  # fmt: skip
TERMS = {
    "organiser": "Market Club Ltd, 1 High Street, registration number 123456",
    "rules": "One ticket for every purchase above $20 during the time of the draw.",
    "information": "https://market.example/draw, 0800 123456",
    "hand_over_place": "The service desk of the store on High Street",
    "hand_over_terms": "With a passport, from 10 to 18, within thirty days of the draw.",
}


def set_up_games(now: datetime, actor: Actor) -> None:
    """Belongs behind the members. Safe to repeat."""
    programme = Programme.objects.get(is_default=True)
    wallets = Wallet.objects.filter(status="active", posted__gt=200, member__isnull=False)
    players = [one.member for one in wallets.select_related("member").order_by("pk")[:PLAYERS]]
    if not Game.objects.filter(programme=programme).exists():
        _wheel(programme, [one for one in players if one], actor)
    if not Draw.objects.filter(programme=programme).exists():
        _draw(programme, [one for one in players if one], now, actor)


def _wheel(programme: Programme, players: list[Member], actor: Actor) -> None:
    # Saved twice: a prize may name the game only when there is one.
    game = Game(
        programme=programme, code="market-wheel", name="Market wheel", budget_minor=200_000,
        expected_plays=2_000, terms="One turn for every purchase above $30.",
    )  # fmt: skip
    plain = tuple(one for one in WHEEL if one.code != "again")
    games.save_game(game=game, sets=[SetPlan(plain)], actor=actor)
    games.save_game(game=game, sets=[SetPlan(WHEEL)], actor=actor)
    games.start_game(game=game, actor=actor)
    for number, member in enumerate(players):
        turns = 1 + number % 3
        grant_turns(
            member=member, kind="game_plays", code=game.code, count=turns + 1,
            reason="Opening week", actor=actor,
        )  # fmt: skip
        for turn in range(turns):
            games.play(
                game=game, member=member, nonce=f"demo{number}", reference=f"demo-{turn}",
                door="web", actor=actor,
            )  # fmt: skip


def _draw(programme: Programme, players: list[Member], now: datetime, actor: Actor) -> None:
    draw = Draw(
        programme=programme, code="harvest-draw", title="Harvest prize draw",
        starts_at=now - timedelta(days=10), ends_at=now + timedelta(days=20),
        draws_at=now + timedelta(days=21), hand_over_until=(now + timedelta(days=51)).date(),
        beacon_source="Euro reference rate of the day of the draw", **TERMS,
    )  # fmt: skip
    plans = [
        DrawPrizePlan("A weekend in the mountains for two", value_minor=60_000),
        DrawPrizePlan("Gift card of $50", "gift_card", amount=5_000, quantity=5, value_minor=5_000),
    ]
    draws.save_draw(draw=draw, prizes=plans, actor=actor)
    draws.publish_draw(draw=draw, actor=actor)
    for number, member in enumerate(players):
        grant_turns(
            member=member, kind="draw_tickets", code=draw.code, count=1 + number % 5,
            reason="Letters with a stamped envelope", actor=actor,
        )  # fmt: skip
