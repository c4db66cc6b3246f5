"""Sums of a back-test: by day, store, category, promotion and member, before and after."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, TypeVar

import msgspec

from rewards.rules.answers import PricedLine, Quote
from rewards.rules.basket import BasketLine
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


class Counter:
    """Adds receipts to a tally under the programme's terms."""

    def __init__(self, tally: Tally, terms: Terms) -> None:
        self.tally = tally
        self._terms = terms

    def add(self, one: Replayed) -> None:
        tally, basket = self.tally, one.basket
        row = self._row(one)
        member = one.sold.member_id
        _add(tally.total, row)
        _add(_of(tally.by_day, basket.at.date().isoformat()), row)
        _add(_of(tally.by_store, basket.store), row)
        _add(tally.nobody if member is None else _of(tally.by_member, member), row)
        if member is not None:
            tally.members_of_store.setdefault(basket.store, set()).add(member)
        self._by_category(one)
        if one.before.uses or one.after.uses:
            self._by_promotion(one, row)

    def _row(self, one: Replayed) -> Row:
        turnover = goods = 0
        for line in one.basket.lines:
            turnover += line.gross_minor - line.manual_discount_minor
            goods += goods_cost(line)
        own = one.before.gross_minor - turnover
        row = [
            1, turnover, goods, one.before.earned, one.after.earned,
            one.before.discount_minor - own, one.after.discount_minor - own, 0, 0,
        ]  # fmt: skip
        return self._judged(row)

    def _judged(self, row: Row) -> Row:
        """Whether the buyer would have been better or worse off."""
        worth = self.worth(row)
        row[GAINED], row[LOST] = int(worth > 0), int(worth < 0)
        return row

    def worth(self, row: Row) -> int:
        """What the difference is worth to the buyer, in money: points at their value."""
        points = row[POINTS_1] - row[POINTS_0]
        value = points * self._terms.point_value_minor // self._terms.units_per_point
        return value + row[OFF_1] - row[OFF_0]

    def _by_category(self, one: Replayed) -> None:
        """Each line counts for the top of its category; a receipt counts once for each."""
        after = one.after.lines if one.after is not one.before else one.before.lines
        rows: dict[str, Row] = {}
        for was, would in zip(one.before.lines, after, strict=True):
            line = was.line
            code = line.categories[0] if line.categories else ""
            row = rows.get(code)
            if row is None:
                row = rows[code] = [1, 0, 0, 0, 0, 0, 0, 0, 0]
            row[TURNOVER] += line.gross_minor - line.manual_discount_minor
            row[GOODS] += goods_cost(line)
            row[POINTS_0] += was.points
            row[POINTS_1] += would.points
            row[OFF_0] += given(was)
            row[OFF_1] += given(would)
        for code, row in rows.items():
            _add(_of(self.tally.by_category, code), self._judged(row))

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


def given_by(quote: Quote) -> Iterable[tuple[str, int, int]]:
    """Promotion, points and money of each promotion that gave something."""
    return ((use.code, use.points, use.money_minor) for use in quote.uses)


def goods_cost(line: BasketLine) -> int:
    """What the goods of a line cost the shop; nothing where that is not known."""
    if not line.cost_minor:
        return 0
    return half_up(line.cost_minor * line.quantity_milli, 1000)


def given(line: PricedLine) -> int:
    """What promotions took off a line: all but the till's own discount."""
    own = line.line
    return line.discount_minor - min(own.manual_discount_minor, own.gross_minor)


def _of(rows: dict[Key, Row], key: Key) -> Row:
    row = rows.get(key)
    if row is None:
        row = rows[key] = [0] * 9
    return row


def _add(row: Row, more: Row) -> None:
    for place in range(9):
        row[place] += more[place]
