"""The odds of a game: how likely a win is, and what a play costs the shop on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chance:
    """One prize in the odds: its weight, what it costs in minor units, how many there are."""

    label: str
    weight: int
    wins: bool
    cost_minor: int = 0
    stock: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """One prize of the picture. ``expected`` wins and ``cost_minor`` are for all the plays.

    ``runs_out`` says that more are expected than there are.
    """

    label: str
    basis_points: int
    expected: int
    cost_minor: int
    wins: bool
    runs_out: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Of one set of prizes: the chance to win, and the money that so many plays cost."""

    win_basis_points: int
    per_play_minor: int
    total_minor: int
    slices: tuple[Slice, ...]


def win_chance(chances: Sequence[Chance]) -> int:
    """The chance of any win in basis points, rounded down: 25 % is 2 500."""
    total = sum(one.weight for one in chances)
    return 10_000 * sum(one.weight for one in chances if one.wins) // total if total else 0


def is_below(chances: Sequence[Chance], floor_basis_points: int) -> bool:
    """Exact, without rounding: whether the chance to win is under the floor."""
    total = sum(one.weight for one in chances)
    wins = sum(one.weight for one in chances if one.wins)
    return 10_000 * wins < floor_basis_points * total or not total


def picture(chances: Sequence[Chance], plays: int) -> Picture:
    """What to expect of so many plays, before stock and budget end it. Rounded half up."""
    total = sum(one.weight for one in chances) or 1
    cost = sum(one.weight * one.cost_minor for one in chances)
    return Picture(
        win_basis_points=win_chance(chances),
        per_play_minor=_half_up(cost, total),
        total_minor=_half_up(cost * plays, total),
        slices=tuple(_slice(one, total, plays) for one in chances),
    )


def _slice(one: Chance, total: int, plays: int) -> Slice:
    expected = _half_up(one.weight * plays, total)
    return Slice(
        label=one.label,
        basis_points=10_000 * one.weight // total,
        expected=expected,
        cost_minor=_half_up(one.weight * plays * one.cost_minor, total),
        wins=one.wins,
        runs_out=one.stock is not None and expected > one.stock,
    )


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
