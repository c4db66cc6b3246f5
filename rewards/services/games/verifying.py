"""A play computed once more from what was published: the steps, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rewards.models import GamePlay
from rewards.rules import fair


@dataclass(frozen=True, slots=True)
class Line:
    """One prize of the set with the numbers that mean it: from ``first`` to ``last``."""

    label: str
    weight: int
    first: int
    last: int
    is_drawn: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """A play and its proof. Without a published seed there is only what was committed."""

    play: GamePlay
    message: str
    total: int
    lines: tuple[Line, ...] = ()
    seed: str = ""
    seed_fits: bool = False
    table_fits: bool = False
    steps: tuple[fair.Step, ...] = ()
    value: int | None = None

    @property
    def agrees(self) -> bool:
        return self.seed_fits and self.table_fits and self.value == self.play.value

    @property
    def substituted(self) -> bool:
        return self.play.drawn_id != self.play.prize_id


def check(play: GamePlay) -> Checked:
    """Recompute a play. It reads nothing but the play and its period."""
    period = play.period
    prizes = _prizes(period.table, play.prize_set)
    message = fair.play_message(
        str(period.public_id), play.player, play.sequence, play.nonce, play.prize_set
    )
    total = sum(prize["weight"] for prize in prizes)
    lines = tuple(_lines(prizes, play.value))
    if period.revealed_at is None:
        return Checked(play, message, total, lines)
    drawn = fair.even(period.seed, message, total) if play.value is not None else None
    return Checked(
        play,
        message,
        total,
        lines,
        seed=period.seed,
        seed_fits=fair.commitment(period.seed) == period.seed_hash,
        table_fits=fair.fingerprint(fair.canonical(period.table)) == period.table_hash,
        steps=drawn.steps if drawn else (),
        value=drawn.value if drawn else None,
    )


def _prizes(table: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return next(list(one["prizes"]) for one in table["sets"] if one["code"] == code)


def _lines(prizes: list[dict[str, Any]], value: int | None) -> list[Line]:
    lines, first = [], 0
    for prize in prizes:
        last = first + prize["weight"] - 1
        is_drawn = value is not None and first <= value <= last
        lines.append(Line(prize["label"], prize["weight"], first, last, is_drawn))
        first = last + 1
    return lines
