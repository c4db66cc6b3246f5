"""How far a discount or a grant may go: floors of lines, caps of promotions, what limits leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules import rounding
from rewards.rules.answers import PricedLine
from rewards.rules.definitions import Caps, Definition
from rewards.rules.terms import Terms


def line_room(caps: Caps, terms: Terms, line: PricedLine, taken: int) -> int:
    """How much cheaper a promotion may make a line, of which it has ``taken`` so much already."""
    room = line.net_minor - floor_of(caps, terms, line)
    if caps.line_minor is not None:
        room = min(room, caps.line_minor - taken)
    if caps.line_basis_points is not None:
        room = min(room, line.line.gross_minor * caps.line_basis_points // 10_000 - taken)
    return max(room, 0)


def floor_of(caps: Caps, terms: Terms, line: PricedLine) -> int:
    """The lowest price of a line: never below zero, cost or a share of the shelf price."""
    return max(_floors(caps, terms, line))[0]


def floor_name(caps: Caps, terms: Terms, lines: Iterable[PricedLine]) -> str:
    """What keeps these lines from getting cheaper: a floor that one of them lies on, or a cap."""
    highest = [(line, max(_floors(caps, terms, line))) for line in lines]
    names = {name for line, (floor, name) in highest if line.net_minor <= floor}
    kinds = ("cost_floor", "share_floor", "price_floor")
    return next((one for one in kinds if one in names), "line_cap")


def _floors(caps: Caps, terms: Terms, line: PricedLine) -> Iterator[tuple[int, str]]:
    yield 0, "price_floor"
    if (caps.above_cost or terms.price_floor == "cost") and line.line.cost_minor is not None:
        cost = line.line.cost_minor * line.line.quantity_milli
        yield rounding.up(cost, 1000), "cost_floor"
    if share := max(caps.floor_basis_points or 0, terms.floor_percent * 100):
        yield rounding.up(line.line.gross_minor * share, 10_000), "share_floor"


def receipt_money(definition: Definition, given: int) -> Iterator[tuple[int, str]]:
    cap = definition.stacking.caps.receipt_minor
    if cap is not None:
        yield cap - given, "receipt_cap"
    yield from _limits(definition, "money", given)


def receipt_points(definition: Definition, given: int) -> Iterator[tuple[int, str]]:
    cap = definition.stacking.caps.receipt_points
    if cap is not None:
        yield cap - given, "receipt_cap"
    yield from _limits(definition, "points", given)


def left_of(left: int | None, given: int) -> Iterator[tuple[int, str]]:
    if left is not None:
        yield left - given, "limit_reached"


def cut(
    offs: Mapping[int, int], most: Sequence[tuple[int, str]], wanted: int
) -> tuple[dict[int, int], str]:
    """Money off by position within every bound; and the bound that cut it, if any did."""
    whole = sum(offs.values())
    allowed, bound = min(most)
    if whole > max(allowed, 0):
        parts = split_largest_remainder(max(allowed, 0), list(offs.values()))
        return dict(zip(offs, parts, strict=True)), bound
    if whole < wanted and whole == allowed and bound == "limit_reached":
        return dict(offs), bound
    return dict(offs), "price_floor" if whole < wanted else ""


def receipt_limit(definition: Definition, what: str) -> int | None:
    """The most of a kind that one receipt may see."""
    found = [one.max for one in definition.limits if (one.per, one.what) == ("receipt", what)]
    return min(found, default=None)


def _limits(definition: Definition, what: str, given: int) -> Iterator[tuple[int, str]]:
    if (most := receipt_limit(definition, what)) is not None:
        yield most - given, "limit_reached"
