"""The last prize is given once: budget and stock are taken by conditional updates.

Lock order: the game's row (its budget), then the prize's. Rows without a bound are
not touched, so that players of an unbounded game never wait for each other.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, Max, Q

from loyalty_crm.kernel import outbox
from rewards.errors import GameClosed
from rewards.models import Game, GamePrize, PrizeKind

State, OnEmpty = Game.State, Game.OnEmpty


class _Gone(Exception):
    """Budget or stock does not reach; takes back what was claimed with it."""


def claim(game: Game, prize: GamePrize) -> GamePrize:
    """One piece of the prize, or of the consolation of its set when it has run out.

    Refused with ``GameClosed`` when neither is there: then no turn is used.
    """
    if not prize.wins or _claimed(game, prize):
        return prize
    consolation = GamePrize.objects.filter(prize_set=prize.prize_set_id, is_consolation=True)
    instead = consolation.first() if game.on_empty == OnEmpty.SUBSTITUTE else None
    if instead is None or not _claimed(game, instead):
        raise GameClosed(state="out_of_prizes")
    return instead


def _claimed(game: Game, prize: GamePrize) -> bool:
    try:
        with transaction.atomic():
            _take_budget(game, prize.cost_minor)
            _take_piece(prize)
    except _Gone:
        return False
    return True


def _take_budget(game: Game, cost_minor: int) -> None:
    if game.budget_minor is None or not cost_minor:
        return
    within = Q(budget_minor__gte=F("spent_minor") + cost_minor)
    if not Game.objects.filter(within, pk=game.pk).update(
        spent_minor=F("spent_minor") + cost_minor
    ):
        raise _Gone


def _take_piece(prize: GamePrize) -> None:
    free = Q(stock=None) | Q(stock__gt=F("given"))
    if prize.stock is None:
        return
    if not GamePrize.objects.filter(free, pk=prize.pk).update(given=F("given") + 1):
        raise _Gone


def give_back(game: Game, prize: GamePrize, cost_minor: int) -> None:
    """The opposite of a claim, for a play that is undone."""
    if game.budget_minor is not None and cost_minor:
        Game.objects.filter(pk=game.pk, spent_minor__gte=cost_minor).update(
            spent_minor=F("spent_minor") - cost_minor
        )
    if prize.stock is not None:
        GamePrize.objects.filter(pk=prize.pk, given__gt=0).update(given=F("given") - 1)


def pause_when_empty(game: Game, prize: GamePrize) -> None:
    """Pause a game that could not keep what it promises to the next player.

    With a consolation prize: when the budget no longer reaches for it. Without: as
    soon as a prize has run out, or the budget no longer reaches for the dearest.
    """
    bounded = game.budget_minor is not None or prize.stock is not None
    if not prize.wins or not bounded or not _is_empty(game):
        return
    if Game.objects.filter(pk=game.pk, state=State.RUNNING).update(state=State.PAUSED):
        outbox.emit("game.paused", object_type="game", object_id=str(game.public_id))


def _is_empty(game: Game) -> bool:
    prizes = GamePrize.objects.filter(prize_set__game=game).exclude(kind=PrizeKind.NOTHING)
    drawable = prizes.filter(weight__gt=0)
    if game.on_empty == OnEmpty.PAUSE and drawable.filter(stock__lte=F("given")).exists():
        return True
    if game.budget_minor is None:
        return False
    needed = prizes.filter(is_consolation=True) if game.on_empty != OnEmpty.PAUSE else drawable
    dearest: int | None = needed.aggregate(most=Max("cost_minor"))["most"]
    spent = Game.objects.values_list("spent_minor", flat=True).get(pk=game.pk)
    return game.budget_minor - spent < (dearest or 0)
