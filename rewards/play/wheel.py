"""The wheel as SVG: equal slices in the order of the prizes. Looks only: the odds stand below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any

RADIUS = 100
COLOURS = 6
LONGEST = 14


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: its outline, the angle of its middle in degrees, and the look."""

    label: str
    path: str
    angle: float
    look: str


def slices(prizes: Sequence[dict[str, Any]]) -> list[Slice]:
    """Slices for the prizes that can be drawn. Few of them are repeated to fill the wheel."""
    shown = shown_prizes(prizes)
    part = 2 * pi / len(shown)
    return [
        Slice(
            label=_short(prize["label"]),
            path=_sector(number * part, (number + 1) * part),
            angle=round((number + 0.5) * 360 / len(shown), 3),
            look=f"s{number % COLOURS}" if prize["wins"] else "none",
        )
        for number, prize in enumerate(shown)
    ]


def shown_prizes(prizes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    able = [prize for prize in prizes if prize["weight"]] or list(prizes)
    return able * (1 if len(able) > 3 else 6 // len(able))


def turn_to(prizes: Sequence[dict[str, Any]], code: str) -> float:
    """How far the wheel turns so that the prize stands under the pointer, in degrees."""
    shown = shown_prizes(prizes)
    codes = [prize["code"] for prize in shown]
    number = codes.index(code) if code in codes else 0
    return round(5 * 360 - (number + 0.5) * 360 / len(shown), 3)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"


def _sector(begin: float, end: float) -> str:
    """From the top, clockwise. A lone slice is two half circles: an arc cannot close."""
    if end - begin > 2 * pi - 0.001:
        return f"M0,{-RADIUS} A{RADIUS},{RADIUS} 0 1 1 -0.01,{-RADIUS} Z"
    (x0, y0), (x1, y1) = _at(begin), _at(end)
    large = 1 if end - begin > pi else 0
    return f"M0,0 L{x0},{y0} A{RADIUS},{RADIUS} 0 {large} 1 {x1},{y1} Z"


def _at(angle: float) -> tuple[float, float]:
    return round(RADIUS * sin(angle), 2), round(-RADIUS * cos(angle), 2)
