"""Which facts a set of rules asks for, so that the loader reads those and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import msgspec


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of the buyer and the sale that some rule may look at.

    ``windows`` are keys like "30d" (so many days back), "month", "quarter" and
    "year" (of the calendar, up to this sale). ``member`` stands for the fields of
    ``MemberFacts`` by name. ``tenders`` are means of payment that a till may offer.
    """

    member: frozenset[str] = frozenset()
    windows: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    price_lists: frozenset[str] = frozenset()
    gifts: frozenset[str] = frozenset()
    tenders: frozenset[str] = frozenset()
    product_lists: bool = False
    attributes: bool = False
    store_groups: bool = False

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            **{name: getattr(self, name) | getattr(other, name) for name in self.__struct_fields__}
        )


def joined(needs: Iterable[Needs]) -> Needs:
    return reduce(Needs.__or__, needs, Needs())


def of_member(*names: str) -> Needs:
    return Needs(member=frozenset(names))
