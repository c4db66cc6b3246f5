"""Rounding of ratios of whole numbers: one place, every direction."""

from __future__ import annotations

from collections.abc import Callable

from rewards.rules.terms import Rounding


def down(numerator: int, denominator: int) -> int:
    return numerator // denominator


def up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


#: A carried remainder is rounded down now; what is left waits for the next purchase.
BY_NAME: dict[Rounding, Callable[[int, int], int]] = {
    "down": down,
    "half_up": half_up,
    "up": up,
    "carry": down,
}
