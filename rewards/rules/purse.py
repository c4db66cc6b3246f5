"""What a movement does to the lots of a wallet: plain arithmetic, no database.

The part of a balance above zero is in lots. So of a gain, debt is paid first
and only the rest enters a lot; of a loss, only what was above zero leaves one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

#: (expiry of the lot, amount): the expiry names the lot, because one wallet has one lot for each.
Move = tuple[datetime, int]


class Purse:
    """A balance and its open lots, moved in memory the way the database will move them."""

    __slots__ = ("lots", "posted")

    def __init__(self, posted: int, lots: Mapping[datetime, int]) -> None:
        self.posted = posted
        self.lots = dict(lots)

    def gain(self, parts: Iterable[Move]) -> list[Move]:
        """Add the parts; of them debt takes those that expire first."""
        joined: dict[datetime, int] = {}
        for expiry, amount in parts:
            joined[expiry] = joined.get(expiry, 0) + amount
        rest = after_debt(sorted(joined.items()), max(0, -self.posted))
        moves = [(expiry, amount) for expiry, amount in rest if amount]
        self.posted += sum(joined.values())
        for expiry, amount in moves:
            self.lots[expiry] = self.lots.get(expiry, 0) + amount
        return moves

    def lose(self, amount: int, first: datetime | None = None) -> list[Move]:
        """Take from the lot ``first``, then by nearest expiry, then go into debt."""
        from_lots = min(amount, max(0, self.posted))
        self.posted -= amount
        order = sorted(self.lots, key=lambda expiry: (expiry != first, expiry))
        moves = []
        for expiry in order:
            if not from_lots:
                break
            if part := min(self.lots[expiry], from_lots):
                self.lots[expiry] -= part
                from_lots -= part
                moves.append((expiry, -part))
        return moves


def after_debt(parts: Iterable[Move], debt: int) -> Iterable[Move]:
    for expiry, amount in parts:
        paid = min(debt, amount)
        debt -= paid
        yield expiry, amount - paid


def given_back(spent: Iterable[Move], already: int, amount: int) -> list[Move]:
    """Which parts of what was spent come back: the last taken first, after those already back.

    ``spent`` holds positive amounts; the result never adds up to more than they do.
    """
    parts = []
    for expiry, taken in sorted(spent, reverse=True):
        skipped = min(already, taken)
        already -= skipped
        if part := min(taken - skipped, amount):
            amount -= part
            parts.append((expiry, part))
    return parts
