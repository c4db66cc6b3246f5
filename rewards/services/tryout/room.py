"""Limits and remainders counted in memory, in the order of time, as the tills would have done."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rewards.rules.answers import Left, Quote
from rewards.rules.limits import CounterKey, Place, Rooms, claims_of
from rewards.rules.rule_set import RuleSet


class Kept(msgspec.Struct):
    """One side's running state, as it is written down between pieces of work."""

    used: list[tuple[CounterKey, int]] = []
    owed: dict[int, dict[int, int]] = {}


class Room:
    """What the limits of one side leave; members stand for their wallets."""

    def __init__(self, rules: RuleSet, used: Mapping[CounterKey, int]) -> None:
        self.used = dict(used)
        self._limited = rules.limited

    @property
    def is_limited(self) -> bool:
        return bool(self._limited)

    def left(self, place: Place) -> Mapping[int, Left]:
        return Rooms(self._limited, place, self.used) if self._limited else {}

    def note(self, place: Place, quote: Quote) -> None:
        if self._limited:
            for claim in claims_of(quote, self._limited, place):
                self.used[claim.counter] = self.used.get(claim.counter, 0) + claim.amount


class Carries:
    """Remainders of one side by member: what rounding has not given yet."""

    def __init__(self, rules: RuleSet, owed: dict[int, dict[int, int]]) -> None:
        self.owed = owed
        self._asked = rules.carries

    def of(self, member: int | None) -> Mapping[int, int]:
        return self.owed.get(member, {}) if self._asked and member is not None else {}

    def note(self, member: int | None, quote: Quote) -> None:
        if member is None or not quote.carry_deltas:
            return
        own = self.owed.setdefault(member, {})
        for version, delta in quote.carry_deltas.items():
            own[version] = own.get(version, 0) + delta
