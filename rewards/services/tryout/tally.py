"""Sums of a back-test: by day, store, category, promotion and member, before and after."""

from __future__ import annotations

from collections.abc import Iterable
from operator import add
from typing import TypeAlias, TypeVar

import msgspec

from rewards.rules.answers import Quote
from rewards.rules.rounding import half_up
from rewards.rules.terms import Terms
from rewards.services.tryout.replay import Replayed

#: receipts, turnover, goods cost, points before and after, discount before and after,
#: gained, lost: one list of nine numbers for each row of the table.
Row: TypeAlias = list[int]
Key = TypeVar("Key", str, int)
RECEIPTS, TURNOVER, GOODS, POINTS_0, POINTS_1, OFF_0, OFF_1, GAINED, LOST = range(9)


class Tally(msgspec.Struct):
    """Everything counted so far; it is written down between pieces of work.

    ``by_member`` and the sets of members grow with the members who bought, not with
    the receipts.
    """

    total: Row = msgspec.field(default_factory=lambda: [0] * 9)
    nobody: Row = msgspec.field(default_factory=lambda: [0] * 9)
    by_day: dict[str, Row] = {}
    by_store: dict[str, Row] = {}
    by_category: dict[str, Row] = {}
    by_promotion: dict[str, Row] = {}
    by_member: dict[int, Row] = {}
    members_of_store: dict[str, set[int]] = {}
    members_of_promotion: dict[str, set[int]] = {}


def merge(tally: Tally, other: Tally) -> None:
    """Add what was counted elsewhere."""
    _add(tally.total, other.total)
    _add(tally.nobody, other.nobody)
    for mine, theirs in (
        (tally.by_day, other.by_day),
        (tally.by_store, other.by_store),
        (tally.by_category, other.by_category),
        (tally.by_promotion, other.by_promotion),
    ):
        for key, row in theirs.items():
            _add(_of(mine, key), row)
    for member, row in other.by_member.items():
        _add(_of(tally.by_member, member), row)
    for known, more in (
        (tally.members_of_store, other.members_of_store),
        (tally.members_of_promotion, other.members_of_promotion),
    ):
        for code, members in more.items():
            known.setdefault(code, set()).update(members)


class Counter:
    """Adds receipts to a tally under the programme's terms."""

    def __init__(self, tally: Tally, terms: Terms) -> None:
        self.tally = tally
        self._terms = terms

    def add(self, one: Replayed) -> None:
        tally, basket = self.tally, one.basket
        row = self._by_category(one)
        member = one.sold.member_id
        _add(tally.total, row)
        _add(_of(tally.by_day, basket.at.date().isoformat()), row)
        _add(_of(tally.by_store, basket.store), row)
        _add(tally.nobody if member is None else _of(tally.by_member, member), row)
        if member is not None:
            tally.members_of_store.setdefault(basket.store, set()).add(member)
        if one.before.uses or one.after.uses:
            self._by_promotion(one, row)

    def _judged(self, row: Row) -> Row:
        """Whether the buyer would have been better or worse off."""
        if row[POINTS_0] != row[POINTS_1] or row[OFF_0] != row[OFF_1]:
            worth = self.worth(row)
            row[GAINED], row[LOST] = int(worth > 0), int(worth < 0)
        return row

    def worth(self, row: Row) -> int:
        """What the difference is worth to the buyer, in money: points at their value."""
        points = row[POINTS_1] - row[POINTS_0]
        value = points * self._terms.point_value_minor // self._terms.units_per_point
        return value + row[OFF_1] - row[OFF_0]

    def _by_category(self, one: Replayed) -> Row:
        """Each line counts for the top of its category; a receipt counts once for each.

        Returns the row of the whole receipt.
        """
        whole = [0] * 9
        for code, row in rows_of(one).items():
            _add(whole, row)
            _add(_of(self.tally.by_category, code), self._judged(row))
        whole[RECEIPTS] = 1
        return self._judged(whole)

    def _by_promotion(self, one: Replayed, whole: Row) -> None:
        rows: dict[str, Row] = {}
        for place, quote in ((0, one.before), (1, one.after)):
            for code, points, money in given_by(quote):
                row = rows.setdefault(code, [1, whole[TURNOVER], whole[GOODS], 0, 0, 0, 0, 0, 0])
                row[POINTS_0 + place] += points
                row[OFF_0 + place] += money
        for code, row in rows.items():
            _add(_of(self.tally.by_promotion, code), self._judged(row))
            if one.sold.member_id is not None:
                known = self.tally.members_of_promotion.setdefault(code, set())
                known.add(one.sold.member_id)


def rows_of(one: Replayed) -> dict[str, Row]:
    """The row of each top category on a receipt. What the till itself took off is no cost."""
    rows: dict[str, Row] = {}
    for was, would in zip(one.before.lines, one.after.lines, strict=True):
        line = was.line
        code = line.categories[0] if line.categories else ""
        row = rows.get(code)
        if row is None:
            row = rows[code] = [1, 0, 0, 0, 0, 0, 0, 0, 0]
        gross, own = line.gross_minor, line.manual_discount_minor
        till = min(own, gross) if own else 0
        row[TURNOVER] += gross - own
        row[POINTS_0] += was.points
        row[POINTS_1] += would.points
        row[OFF_0] += was.discount_minor - till
        row[OFF_1] += would.discount_minor - till
        if line.cost_minor:
            row[GOODS] += half_up(line.cost_minor * line.quantity_milli, 1000)
    return rows


def given_by(quote: Quote) -> Iterable[tuple[str, int, int]]:
    """Promotion, points and money of each promotion that gave something."""
    return ((use.code, use.points, use.money_minor) for use in quote.uses)


def _of(rows: dict[Key, Row], key: Key) -> Row:
    row = rows.get(key)
    if row is None:
        row = rows[key] = [0] * 9
    return row


def _add(row: Row, more: Row) -> None:
    row[:] = map(add, row, more)
