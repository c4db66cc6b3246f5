"""What the wizard asks."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

Trade = Literal[
    "cafe", "grocery", "fashion", "salon", "pharmacy", "fuel", "mall", "insurance",
]  # fmt: skip
Goal = Literal["return", "basket", "newcomers", "keep", "status"]

TRADES: Final[tuple[Trade, ...]] = get_args(Trade)
GOALS: Final[tuple[Goal, ...]] = get_args(Goal)


class Answers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trade, a goal, and four figures about a usual member.

    ``receipt_minor``: a usual receipt in minor units. ``visits_a_year``: purchases.
    ``give_back``: of members' sales, in hundredths of a per cent. ``goods``: code of the
    category that the shop is known for; empty, offers for it are left out.
    """

    trade: Trade
    goal: Goal
    receipt_minor: int
    visits_a_year: int
    give_back: int
    goods: str = ""

    @property
    def year_minor(self) -> int:
        """What a usual member spends in a year."""
        return self.receipt_minor * self.visits_a_year
