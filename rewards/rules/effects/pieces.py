"""Discounts that count pieces: cheapest of n, every n-th, sets, bundles, buy X get Y.

A piece costs its share of the line as it is priced by now; shares differ by one
minor unit at most and add up to the line. Weighed goods are one piece a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules.basket import Part, units
from rewards.rules.conditions import BundleItem, Goods, Miss, fewer
from rewards.rules.effects.base import Discount, Off, Phase, Pieces
from rewards.rules.selectors import Selector

#: Pieces of one promotion on one receipt; what is above is sold without the offer.
MAX_PIECES = 10_000


class Piece(NamedTuple):
    """One piece of a line."""

    price: int
    line_no: int


class PieceDiscount(Discount):
    """Money off single pieces, added up by line."""

    max_times: Pieces | None = None

    def at_most(self, times: int) -> Self:
        return self.model_copy(update={"max_times": _times(times, self.max_times)})

    def at(self) -> Phase:
        return Phase.LINE


class PiecesOff(PieceDiscount):
    """Some of every ``of`` pieces are cheaper.

    ``cheapest`` and ``dearest`` look at all counted pieces; ``every`` sets them in a
    row from the dearest to the cheapest and takes the last ones of each ``of``.
    """

    kind: Literal["pieces_off"]
    pick: Literal["cheapest", "dearest", "every"] = "cheapest"
    of: Annotated[int, Field(ge=1, le=1_000)]
    take: Annotated[int, Field(ge=1, le=1_000)] = 1
    off: Off

    def offs(self, goods: Goods) -> Mapping[int, int]:
        row = in_row(goods.parts)
        times = _times(len(row) // self.of, self.max_times)
        return add_up((piece, self.off.off(piece.price)) for piece in self._picked(row, times))

    def missing(self, goods: Goods) -> Miss | None:
        return fewer("min_quantity", self.of, units(goods.parts))

    def _picked(self, row: Sequence[Piece], times: int) -> Sequence[Piece]:
        count = min(times * self.take, len(row))
        if self.pick == "dearest":
            return row[:count]
        if self.pick == "cheapest":
            return row[len(row) - count :]
        sets = (row[start : start + self.of] for start in range(0, times * self.of, self.of))
        return [piece for one in sets for piece in one[-self.take :]]


class SetPrice(PieceDiscount):
    """Any ``quantity`` of the counted pieces for one price, dearest pieces first."""

    kind: Literal["set_price"]
    quantity: Annotated[int, Field(ge=2, le=1_000)]
    price_minor: Annotated[int, Field(ge=0, le=10**12)]

    def offs(self, goods: Goods) -> Mapping[int, int]:
        row = in_row(goods.parts)
        times = _times(len(row) // self.quantity, self.max_times)
        sets = (row[n * self.quantity : (n + 1) * self.quantity] for n in range(times))
        return add_up(share for one in sets for share in _cheaper_to(one, self.price_minor))

    def missing(self, goods: Goods) -> Miss | None:
        return fewer("min_quantity", self.quantity, units(goods.parts))


class BundleOff(PieceDiscount):
    """All items of a bundle together are cheaper, as many times as they are there."""

    kind: Literal["bundle_off"]
    items: Annotated[list[BundleItem], Field(min_length=1, max_length=20)]
    off: Off

    def selectors(self) -> Iterable[Selector]:
        return [item.goods for item in self.items]

    def offs(self, goods: Goods) -> Mapping[int, int]:
        rows = self._rows(goods)
        most = min(len(row) // item.quantity for row, item in zip(rows, self.items, strict=True))
        found: list[tuple[Piece, int]] = []
        for number in range(_times(most, self.max_times)):
            pieces = [
                piece
                for row, item in zip(rows, self.items, strict=True)
                for piece in row[number * item.quantity : (number + 1) * item.quantity]
            ]
            whole = sum(piece.price for piece in pieces)
            found += _cheaper_by(pieces, self.off.off(whole))
        return add_up(found)

    def missing(self, goods: Goods) -> Miss | None:
        rows = self._rows(goods)
        for number, (row, item) in enumerate(zip(rows, self.items, strict=True), start=1):
            if (missing := item.quantity - len(row)) > 0:
                return Miss("bundle", {"item": number, "missing": missing}, near=True)
        return None

    def waits_for(self) -> Iterable[str]:
        return self.items[0].goods.include.lookup_keys()

    def _rows(self, goods: Goods) -> list[list[Piece]]:
        """The pieces for each item. A line that fits two items serves the first."""
        taken: set[int] = set()
        rows = []
        for item in self.items:
            parts = [p for p in goods.chosen(item.goods) if p.line.line_no not in taken]
            taken.update(part.line.line_no for part in parts)
            rows.append(in_row(parts))
        return rows


class BuyGet(PieceDiscount):
    """For every ``buy`` pieces of the counted goods, ``get`` pieces are cheaper.

    Without ``goods`` they are of the counted goods themselves, on top of those bought.
    A line that is among the counted goods is never also what one gets.
    """

    kind: Literal["buy_get"]
    buy: Annotated[int, Field(ge=1, le=1_000)]
    get: Annotated[int, Field(ge=1, le=1_000)] = 1
    goods: Selector | None = None
    off: Off
    pick: Literal["cheapest", "dearest"] = "cheapest"

    def selectors(self) -> Iterable[Selector]:
        return [self.goods] if self.goods else []

    def offs(self, goods: Goods) -> Mapping[int, int]:
        bought = in_row(goods.parts)
        if self.goods is None:
            row, each = bought, self.buy + self.get
        else:
            row, each = in_row(self._others(goods, self.goods)), self.buy
        times = _times(len(bought) // each, self.max_times)
        count = min(times * self.get, len(row))
        picked = row[:count] if self.pick == "dearest" else row[len(row) - count :]
        return add_up((piece, self.off.off(piece.price)) for piece in picked)

    def missing(self, goods: Goods) -> Miss | None:
        if self.goods is None:
            return fewer("min_quantity", self.buy + self.get, units(goods.parts))
        if missed := fewer("min_quantity", self.buy, units(goods.parts)):
            return missed
        there = units(self._others(goods, self.goods))
        return fewer("gets", 1, there)

    def _others(self, goods: Goods, selector: Selector) -> list[Part]:
        counted = {part.line.line_no for part in goods.parts}
        return [part for part in goods.chosen(selector) if part.line.line_no not in counted]


def in_row(parts: Sequence[Part]) -> list[Piece]:
    """All pieces, the dearest first; equal ones stay in the order of the goods."""
    pieces = [piece for part in parts for piece in _pieces(part)]
    pieces.sort(key=lambda piece: -piece.price)
    return pieces[:MAX_PIECES]


def _pieces(part: Part) -> list[Piece]:
    if not (count := part.units):
        return []
    low, dearer = divmod(part.amount_minor, count)
    most = min(count, MAX_PIECES)
    return [Piece(low + (n < dearer), part.line.line_no) for n in range(most)]


def add_up(offs: Iterable[tuple[Piece, int]]) -> Mapping[int, int]:
    by_line: Counter[int] = Counter()
    for piece, off in offs:
        by_line[piece.line_no] += off
    return by_line


def _times(there: int, most: int | None) -> int:
    return there if most is None else min(there, most)


def _cheaper_to(pieces: Sequence[Piece], price: int) -> list[tuple[Piece, int]]:
    return _cheaper_by(pieces, max(0, sum(piece.price for piece in pieces) - price))


def _cheaper_by(pieces: Sequence[Piece], off: int) -> list[tuple[Piece, int]]:
    if not off:
        return []
    return list(zip(pieces, split_largest_remainder(off, [p.price for p in pieces]), strict=True))
