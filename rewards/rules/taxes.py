"""Tax in the prices or on top of them, computed on prices after discounts.

The tax of a receipt is rounded once for each rate, half up, on the sum of that
rate's lines, and then divided among them by largest remainder: so line taxes
add up to the tax of the rate exactly. Points are a way to pay and do not lower
the tax. What a return gives back is counted from the first piece on, so that
any parts add up to the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules.rounding import half_up

TaxMode = Literal["included", "on_top"]
WHOLE = 10_000


class Taxable(NamedTuple):
    """A price after discounts and the rate of its goods, in hundredths of a per cent."""

    net_minor: int
    basis_points: int


def tax_of(net_minor: int, basis_points: int, mode: TaxMode) -> int:
    """The tax of one sum: 1200 at 20 % holds 200, and gets 240 on top."""
    against = WHOLE + basis_points if mode == "included" else WHOLE
    return half_up(net_minor * basis_points, against)


def tax_lines(lines: Sequence[Taxable], mode: TaxMode) -> list[int]:
    """The tax of each line; ties of the division go to the earlier line."""
    at_rate: dict[int, list[int]] = defaultdict(list)
    for position, line in enumerate(lines):
        if line.basis_points and line.net_minor:
            at_rate[line.basis_points].append(position)
    taxes = [0] * len(lines)
    for basis_points, positions in at_rate.items():
        nets = [lines[position].net_minor for position in positions]
        whole = tax_of(sum(nets), basis_points, mode)
        for position, share in zip(positions, split_largest_remainder(whole, nets), strict=True):
            taxes[position] = share
    return taxes


def tax_back(tax_minor: int, net_minor: int, had_back: int, has_back: int) -> int:
    """The part of a line's tax that goes back when its returned price grows so far."""
    if not net_minor:
        return 0
    return half_up(tax_minor * has_back, net_minor) - half_up(tax_minor * had_back, net_minor)
