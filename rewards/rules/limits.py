"""Limits counted over receipts: which counters a sale moves, and what they leave it.

A counter is named by promotion, kind, what it counts, whose it is, and the day,
week, month, quarter or year of the store's own calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from rewards.rules.answers import Left, Quote
from rewards.rules.definitions import Limit
from rewards.rules.rule_set import Rule

#: Counters of one member: the member's wallet holds them.
OF_MEMBER = ("member", "member_day")
_KEYS = {
    "day": "{0:%Y-%m-%d}",
    "member_day": "{0:%Y-%m-%d}",
    "month": "{0:%Y-%m}",
    "week": "{0:%G-W%V}",
    "year": "{0:%Y}",
}


class CounterKey(NamedTuple):
    """The name of a counter. Counters are locked in the order of their names, always."""

    promotion_id: int
    per: str
    what: str
    holder: int
    key: str


class Place(NamedTuple):
    """Where and when a sale counts: the store's own day, and whose counters it moves."""

    at: datetime
    day: date
    wallet_id: int | None
    store_id: int

    def holder(self, per: str) -> int:
        """0 for counters of everybody, and for a member who has no wallet yet."""
        if per in OF_MEMBER:
            return self.wallet_id or 0
        return self.store_id if per == "store" else 0


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a sale adds to one counter, and up to where the counter may go."""

    counter: CounterKey
    version_id: int
    amount: int
    most: int
    returns: bool
    alerts: tuple[int, ...] = ()


def key_of(per: str, day: date) -> str:
    """The period of a counter as its name has it; empty where it never starts anew."""
    if per == "quarter":
        return f"{day.year:04}-Q{(day.month + 2) // 3}"
    return _KEYS[per].format(day) if per in _KEYS else ""


def counter_of(promotion_id: int, limit: Limit, place: Place) -> CounterKey:
    per = limit.counter
    return CounterKey(promotion_id, per, limit.what, place.holder(per), key_of(per, place.day))


class Rooms(Mapping[int, Left]):
    """What the counters leave, by promotion: worked out for those that are asked about alone.

    ``taken`` is what each counter has used and held; one that is missing has nothing.
    """

    def __init__(
        self, limited: Mapping[int, list[Rule]], place: Place, taken: Mapping[CounterKey, int]
    ) -> None:
        self._limited, self._place, self._taken = limited, place, taken
        self._known: dict[int, Left] = {}

    def __getitem__(self, promotion_id: int) -> Left:
        if (known := self._known.get(promotion_id)) is None:
            rule = live_rule(self._limited[promotion_id], self._place.at)
            known = self._known[promotion_id] = Left() if rule is None else self._left(rule)
        return known

    def __iter__(self) -> Iterator[int]:
        return iter(self._limited)

    def __len__(self) -> int:
        return len(self._limited)

    def _left(self, rule: Rule) -> Left:
        free: dict[str, tuple[int, str]] = {}
        for limit in rule.definition.counted:
            counter = counter_of(rule.promotion_id, limit, self._place)
            room = (limit.max - self._taken.get(counter, 0), limit.counter)
            free[limit.what] = min(free.get(limit.what, room), room)
        return Left(
            uses=free["uses"][0] if "uses" in free else None,
            points=free["points"][0] if "points" in free else None,
            money_minor=free["money"][0] if "money" in free else None,
            per={what: per for what, (_, per) in free.items()},
        )


def live_rule(rules: Iterable[Rule], at: datetime) -> Rule | None:
    """The wording of a promotion at a moment: a late receipt counts by its own day's limits."""
    return next((rule for rule in rules if rule.live_at(at)), None)


def claims_of(quote: Quote, limited: Mapping[int, list[Rule]], place: Place) -> list[Claim]:
    """What a priced sale adds to counters, in the order of their names.

    A promotion that gave nothing in the end uses nothing. One receipt is one use.
    """
    claims: dict[CounterKey, Claim] = {}
    for promotion_id, version_id, amounts in given(quote):
        rules = [rule for rule in limited.get(promotion_id, ()) if rule.version_id == version_id]
        for rule in rules:
            for claim in _claims(rule, amounts, place):
                known = claims.get(claim.counter)
                if known is None or claim.most < known.most:
                    claims[claim.counter] = claim
    return [claims[counter] for counter in sorted(claims)]


def given(quote: Quote) -> Iterator[tuple[int, int, dict[str, int]]]:
    """Promotion, version, and what it gave: uses, points, money."""
    awarded = {award.promotion_id for award in quote.awards}
    for use in quote.uses:
        if use.money_minor or use.points or use.promotion_id in awarded:
            amounts = {"uses": 1, "points": use.points, "money": use.money_minor}
            yield use.promotion_id, use.version_id, amounts


def _claims(rule: Rule, amounts: Mapping[str, int], place: Place) -> Iterator[Claim]:
    for limit in rule.definition.counted:
        if amounts[limit.what] > 0:
            yield Claim(
                counter=counter_of(rule.promotion_id, limit, place),
                version_id=rule.version_id,
                amount=amounts[limit.what],
                most=limit.max,
                returns=limit.release == "full_return",
                alerts=() if limit.counter in OF_MEMBER else tuple(sorted(set(limit.alerts))),
            )
