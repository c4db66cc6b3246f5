"""Numbers as people write them, and as definitions keep them: whole, exact, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_crm.kernel.money import exponent
from loyalty_crm.kernel.points import Points
from rewards.admin.builder.shapes import TOLD_BY, Leaf, Unit
from rewards.models import Programme

#: Decimal places that people may write. Money and points follow the programme.
PLACES: Mapping[Unit, int] = {"percent": 2, "times": 1, "thousandths": 3, "": 0}
_IGNORED = str.maketrans("", "", " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}%")


def places_of(unit: Unit, programme: Programme) -> int:
    if unit == "money":
        return exponent(programme.currency)
    return programme.points_scale if unit == "points" else PLACES[unit]


def read_number(text: str, places: int) -> int:
    """``12.5`` with two places is 1250. ValueError for what is no number, or finer than that."""
    return Points.parse(text.translate(_IGNORED), places).minor


def write_number(value: int, places: int, *, whole: bool = True) -> str:
    """1250 with two places is ``12.5``; money (``whole`` False) keeps its zeros: ``12.50``."""
    if not places:
        return str(value)
    sign, (units, rest) = "-" if value < 0 else "", divmod(abs(value), 10**places)
    decimals = f"{rest:0{places}}"
    decimals = decimals.rstrip("0") if whole else decimals if rest or places <= 2 else ""
    return f"{sign}{units}.{decimals}" if decimals else f"{sign}{units}"


def unit_here(leaf: Leaf, around: Sequence[Mapping[str, Any]]) -> Unit:
    """The unit of a field, where another field beside or above it may say it."""
    if leaf.unit or leaf.name not in TOLD_BY:
        return leaf.unit
    teller, units = TOLD_BY[leaf.name]
    said = next((one[teller] for one in reversed(around) if teller in one), "")
    return units.get(str(said), "")
