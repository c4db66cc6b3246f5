"""Points from amounts: rounding, the carried remainder, and the split over lines.

Raw units are ``amount x points``; ``per`` of them make one point. With carry,
this holds for every wallet and rule after any sales and returns, in any order:

    points granted x per + carried = raw units of the goods kept
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules import rounding as rounded
from rewards.rules.terms import Rounding


class Granted(msgspec.Struct, frozen=True, gc=False):
    """What one rule grants: in all, by line, and how the number came about."""

    points: int
    by_line: tuple[int, ...]
    raw_units: int = 0
    per: int = 1
    carry_in: int = 0
    carries: bool = False

    @property
    def carry_delta(self) -> int:
        """By how much the remainder that the wallet is owed changes."""
        return self.raw_units - self.points * self.per if self.carries else 0


def grant_by_receipt(
    raws: Sequence[int], per: int, mode: Rounding, carry_in: int = 0, step: int = 1
) -> Granted:
    """Round once for the receipt, in portions of ``step``, then explain the points by line."""
    raw = sum(raws)
    owed = raw + (carry_in if mode == "carry" else 0)
    # A debt left by returns is worked off before anything is granted.
    points = max(0, rounded.BY_NAME[mode](owed, per * step) * step)
    by_line = tuple(split_largest_remainder(points, raws)) if raws else ()
    return Granted(points, by_line, raw, per, carry_in, mode == "carry")


def grant_by_line(raws: Sequence[int], per: int, mode: Rounding, step: int = 1) -> Granted:
    """Round every line for itself; nothing can be carried from many lines at once."""
    by_line = tuple(rounded.BY_NAME[mode](raw, per * step) * step for raw in raws)
    return Granted(sum(by_line), by_line, sum(raws), per)


def grant_fixed(points: int, weights: Sequence[int]) -> Granted:
    """So many points whatever the amount is."""
    by_line = tuple(split_largest_remainder(points, weights)) if weights else ()
    return Granted(points if weights else 0, by_line, points)
