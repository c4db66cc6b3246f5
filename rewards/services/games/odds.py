"""The picture of a game's odds: chance to win, cost of a play and of the plays to expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewards.models import Game, GamePrize, PrizeKind
from rewards.rules.odds import Chance, Picture, is_below, picture


@dataclass(frozen=True, slots=True)
class SetPicture:
    """The picture of one set of prizes. ``is_below``: its chance to win is under the floor."""

    code: str
    picture: Picture
    is_below: bool


def chance_of(label: str, weight: int, kind: str, cost_minor: int, stock: int | None) -> Chance:
    return Chance(label, weight, kind != PrizeKind.NOTHING, cost_minor, stock)


def pictures(
    sets: Sequence[tuple[str, Sequence[Chance]]], *, plays: int, floor_basis_points: int
) -> list[SetPicture]:
    return [
        SetPicture(code, picture(chances, plays), is_below(chances, floor_basis_points))
        for code, chances in sets
    ]


def chances_of(game: Game) -> list[tuple[str, list[Chance]]]:
    """Of the game as it is saved; stock is what is left. Two queries."""
    sets = game.prize_sets.prefetch_related("prizes")
    return [(one.code, [_chance(prize) for prize in one.prizes.all()]) for one in sets]


def _chance(prize: GamePrize) -> Chance:
    left = None if prize.stock is None else prize.stock - prize.given
    return chance_of(prize.label, prize.weight, prize.kind, prize.cost_minor, left)
