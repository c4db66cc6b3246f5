"""Limits and budgets counted in memory, in the order of time, as the tills would have done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from rewards.rules.answers import Left, Quote, Use
from rewards.rules.basket import Basket
from rewards.rules.definitions import Limit
from rewards.rules.rule_set import Rule, RuleSet


class Room:
    """What the limits of one side leave. ``used``: counter → used so far."""

    def __init__(self, rules: RuleSet, used: dict[str, int] | None = None) -> None:
        self.used = used or {}
        self._limited = [
            (rule, [limit for limit in rule.definition.limits if limit.per != "receipt"])
            for rule in rules.rules
        ]
        self._limited = [(rule, limits) for rule, limits in self._limited if limits]

    @property
    def is_limited(self) -> bool:
        return bool(self._limited)

    def left(self, basket: Basket) -> dict[int, Left]:
        """By promotion; one without limits is not in it."""
        return {
            rule.promotion_id: self._left(rule, limits, basket)
            for rule, limits in self._limited
            if rule.live_at(basket.at)
        }

    def _left(self, rule: Rule, limits: list[Limit], basket: Basket) -> Left:
        left: dict[str, int] = {}
        for limit in limits:
            if (counter := counter_of(rule, limit, basket)) is not None:
                room = max(limit.max - self.used.get(counter, 0), 0)
                left[limit.what] = min(room, left.get(limit.what, room))
        return Left(uses=left.get("uses"), points=left.get("points"), money_minor=left.get("money"))

    def note(self, basket: Basket, quote: Quote) -> None:
        if not self._limited:
            return
        given = {use.promotion_id: use for use in quote.uses}
        for rule, limits in self._limited:
            use = given.get(rule.promotion_id)
            if use is not None and use.version_id == rule.version_id:
                self._count(rule, limits, basket, use)

    def _count(self, rule: Rule, limits: list[Limit], basket: Basket, use: Use) -> None:
        amounts = {"uses": 1, "points": use.points, "money": use.money_minor}
        counters = {(counter_of(rule, limit, basket), limit.what) for limit in limits}
        for counter, what in counters:
            if counter is not None:
                self.used[counter] = self.used.get(counter, 0) + amounts[what]


def counter_of(rule: Rule, limit: Limit, basket: Basket) -> str | None:
    """The counter of one limit for this sale; None where there is nobody to count for."""
    day = basket.at.date()
    member = basket.member.id if basket.member else None
    if limit.per in ("member", "member_day") and member is None:
        return None
    scope = {
        "member": member,
        "member_day": f"{member}/{day}",
        "day": str(day),
        "period": period_of(day, limit.period or ""),
        "store": basket.store,
        "total": "",
    }[limit.per]
    return f"{rule.promotion_id}/{limit.what}/{limit.per}/{scope}"


def period_of(day: date, period: str) -> str:
    """The week, month, quarter or year of a day, by name."""
    match period:
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02d}"
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year}-Q{(day.month + 2) // 3}"
        case _:
            return str(day.year)


class Carries:
    """Remainders of one side by member: what rounding has not given yet."""

    def __init__(self, rules: RuleSet, owed: dict[int, dict[int, int]] | None = None) -> None:
        self.owed = owed or {}
        self._asked = rules.carries

    def of(self, member: int | None) -> Mapping[int, int]:
        return self.owed.get(member, {}) if self._asked and member is not None else {}

    def note(self, member: int | None, quote: Quote) -> None:
        if member is None or not quote.carry_deltas:
            return
        own = self.owed.setdefault(member, {})
        for version, delta in quote.carry_deltas.items():
            own[version] = own.get(version, 0) + delta


class Kept(msgspec.Struct):
    """One side's running state, as it is written down between pieces of work."""

    used: dict[str, int] = {}
    owed: dict[int, dict[int, int]] = {}
