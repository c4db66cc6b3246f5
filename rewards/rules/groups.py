"""Stacking groups: which promotions go together, set once for the programme."""

from __future__ import annotations

from typing import Literal

import msgspec

Mode = Literal["all", "first", "best_member", "best_shop", "max_n"]


class Group(msgspec.Struct, frozen=True):
    """Of the promotions of one group, how many count on a receipt, and which.

    all: every one, each on what the others left. first: the first in the order of
    work. best_member, best_shop: the one that gives the most, or the least.
    max_n: the first ``n``.
    """

    code: str
    mode: Mode = "all"
    n: int = 1

    @property
    def most(self) -> int | None:
        """How many may apply; None: any number."""
        if self.mode == "all":
            return None
        return self.n if self.mode == "max_n" else 1
