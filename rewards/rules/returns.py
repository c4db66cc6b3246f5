"""Returns: how much goods, money and points go back, from what the sale pinned.

Everything is cumulative, so that many small returns end exactly where one full
return ends, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules.answers import Pin
from rewards.rules.basket import BasketLine, Part
from rewards.rules.conditions import ConditionBase, Goods, GoodsCondition, Miss
from rewards.rules.definitions import Definition
from rewards.rules.earning import Granted
from rewards.rules.effects import (
    AwardEffect,
    EarningBase,
    Effect,
    Phase,
    PointsEffect,
    base_units,
    in_base_units,
)
from rewards.rules.rounding import half_up
from rewards.rules.selectors import Selector
from rewards.rules.taxes import tax_back
from rewards.rules.terms import Terms
from rewards.rules.when import leaves, miss_of


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was sold, and how much of it has come back so far."""

    line_no: int
    sku: str
    quantity_milli: int
    net_minor: int
    points_paid_minor: int = 0
    tax_minor: int = 0
    returned_quantity_milli: int = 0
    returned_minor: int = 0
    returned_paid_minor: int = 0

    @property
    def quantity_left(self) -> int:
        return self.quantity_milli - self.returned_quantity_milli

    @property
    def net_left(self) -> int:
        return self.net_minor - self.returned_minor

    @property
    def paid_left(self) -> int:
        return self.points_paid_minor - self.returned_paid_minor

    @property
    def is_gone(self) -> bool:
        """Nothing of value is left to return."""
        return not self.net_left and not (self.quantity_left and not self.net_minor)


class Returned(msgspec.Struct, frozen=True):
    """What comes back of one line: ``paid_minor`` of ``net_minor`` was paid with points.

    ``tax_minor`` is the tax of this part, in its price or on top of it.
    """

    line_no: int
    quantity_milli: int
    net_minor: int
    paid_minor: int
    tax_minor: int = 0

    @property
    def money_minor(self) -> int:
        """Without a tax that came on top."""
        return self.net_minor - self.paid_minor


class MoreThanSoldError(ValueError):
    """More was asked back than is left: of one line (None: of all), and how much is left."""

    def __init__(self, line_no: int | None, unit: str, asked: int, left: int) -> None:
        self.line_no, self.unit, self.asked, self.left = line_no, unit, asked, left
        super().__init__(f"line {line_no}: {asked} asked, {left} left ({unit})")


def return_quantity(line: SoldLine, quantity_milli: int) -> Returned:
    """A number of pieces: their share of what is left, all of it with the last piece."""
    if quantity_milli > line.quantity_left:
        raise MoreThanSoldError(line.line_no, "quantity", quantity_milli, line.quantity_left)
    net = half_up(line.net_left * quantity_milli, line.quantity_left)
    return _returned(line, quantity_milli, net, _paid_share(line, net))


def return_amount(line: SoldLine, net_minor: int) -> Returned:
    """An amount, the goods stay with the buyer (a price put right afterwards)."""
    if net_minor > line.net_left:
        raise MoreThanSoldError(line.line_no, "amount", net_minor, line.net_left)
    return _returned(line, 0, net_minor, _paid_share(line, net_minor))


def return_rest(line: SoldLine) -> Returned:
    return _returned(line, line.quantity_left, line.net_left, line.paid_left)


def _returned(line: SoldLine, quantity_milli: int, net_minor: int, paid_minor: int) -> Returned:
    back = line.returned_minor
    tax = tax_back(line.tax_minor, line.net_minor, back, back + net_minor)
    return Returned(line.line_no, quantity_milli, net_minor, paid_minor, tax)


def spread_amount(lines: Sequence[SoldLine], net_minor: int) -> list[Returned]:
    """An amount of the receipt without naming lines: spread over what is left of them."""
    left = [line.net_left for line in lines]
    if net_minor > sum(left):
        raise MoreThanSoldError(None, "amount", net_minor, sum(left))
    shares = split_largest_remainder(net_minor, left)
    return [return_amount(line, share) for line, share in zip(lines, shares, strict=True) if share]


def _paid_share(line: SoldLine, net_minor: int) -> int:
    return half_up(line.paid_left * net_minor, line.net_left) if line.net_left else 0


def after(lines: Sequence[SoldLine], returned: Sequence[Returned]) -> list[SoldLine]:
    """The lines once these goods are back."""
    by_line = {part.line_no: part for part in returned}
    return [
        _less(line, by_line[line.line_no]) if line.line_no in by_line else line for line in lines
    ]


def _less(line: SoldLine, part: Returned) -> SoldLine:
    return msgspec.structs.replace(
        line,
        returned_quantity_milli=line.returned_quantity_milli + part.quantity_milli,
        returned_minor=line.returned_minor + part.net_minor,
        returned_paid_minor=line.returned_paid_minor + part.paid_minor,
    )


def points_given_back(redeemed: int, lines: Sequence[SoldLine]) -> int:
    """Of the points spent on the receipt, those whose goods are back by now."""
    paid = sum(line.points_paid_minor for line in lines)
    back = sum(line.returned_paid_minor for line in lines)
    return redeemed * back // paid if paid else 0


class TakenBack(msgspec.Struct, frozen=True):
    """What one effect of a rule takes back now: points (or so much of its award), and by how
    much the carried remainder moves."""

    version_id: int
    points: int
    carry_delta: int
    effect: int = 0
    awards: int = 0


def take_back(
    pins: Sequence[Pin],
    wordings: Mapping[int, Definition],
    terms: Terms,
    before: Sequence[SoldLine],
    now: Sequence[SoldLine],
) -> list[TakenBack]:
    """What the goods that came back between two states had earned.

    Each rule is asked again what the goods kept deserve, thresholds included,
    in its pinned wording. The answers depend on the states alone, so any
    sequence of returns adds up to the difference between its first and last.
    """
    had, keeps = Deserts(pins, wordings, terms, before), Deserts(pins, wordings, terms, now)
    return [_take_back_one(pin, had, keeps) for pin in pins]


def _take_back_one(pin: Pin, had: Deserts, keeps: Deserts) -> TakenBack:
    if isinstance(had.effect(pin), AwardEffect):
        lost = min(had.awards(pin), pin.granted) - min(keeps.awards(pin), pin.granted)
        return TakenBack(pin.version_id, 0, 0, pin.effect, lost)
    first, then = had.points(pin), keeps.points(pin)
    points = min(first.points, pin.granted) - min(then.points, pin.granted)
    carried = then.raw_units - first.raw_units + (first.points - then.points) * first.per
    return TakenBack(pin.version_id, points, carried if first.carries else 0, pin.effect)


class Deserts:
    """What each pinned effect gives for the goods kept in one state of a receipt."""

    def __init__(
        self,
        pins: Sequence[Pin],
        wordings: Mapping[int, Definition],
        terms: Terms,
        lines: Sequence[SoldLine],
    ) -> None:
        self._wordings = wordings
        self._terms = terms
        self._lines = {line.line_no: line for line in lines if not line.is_gone}
        self._base: dict[int, int] = defaultdict(int)
        for pin in pins:
            effect = self.effect(pin)
            if isinstance(effect, EarningBase) and effect.at() == Phase.BASE:
                for line_no, units in base_units(effect, self._deserving(pin), terms).items():
                    self._base[line_no] += units

    def effect(self, pin: Pin) -> Effect:
        return self._wordings[pin.version_id].effects[pin.effect]

    def points(self, pin: Pin) -> Granted:
        effect, parts = self.effect(pin), self._deserving(pin)
        assert isinstance(effect, PointsEffect)
        counted = in_base_units(parts, self._base) if effect.counts_base else parts
        return effect.grant(counted, self._terms, pin.carry_in)

    def awards(self, pin: Pin) -> int:
        effect, parts = self.effect(pin), self._deserving(pin, money_only=False)
        assert isinstance(effect, AwardEffect)
        return effect.amount(Goods(parts)) if parts else 0

    def _deserving(self, pin: Pin, *, money_only: bool | None = None) -> list[Part]:
        """The counted goods that are kept; none when the rule no longer holds for them."""
        less_paid = self._terms.earning_base == "money" if money_only is None else money_only
        parts = self._kept(pin.bases, less_paid=less_paid)
        return parts if parts and self._holds(pin, parts, less_paid=less_paid) else []

    def _kept(self, amounts: Mapping[int, int], *, less_paid: bool) -> list[Part]:
        return [
            _part(self._lines[line_no], amount - self._gone(line_no, less_paid=less_paid))
            for line_no, amount in amounts.items()
            if line_no in self._lines
        ]

    def _gone(self, line_no: int, *, less_paid: bool) -> int:
        line = self._lines[line_no]
        return line.returned_minor - (line.returned_paid_minor if less_paid else 0)

    def _holds(self, pin: Pin, parts: list[Part], *, less_paid: bool) -> bool:
        """The tree of conditions, in which what cannot change any more stays as it was."""
        definition = self._wordings[pin.version_id]
        goods = self._goods(pin, definition, parts, less_paid=less_paid)
        truths = {
            id(condition): pin.held >> number & 1 and (under_none or _holds(condition, goods))
            for number, (condition, under_none) in enumerate(leaves(definition.when))
        }
        return miss_of(definition.when, lambda one: None if truths[id(one)] else _GONE) is None

    def _goods(
        self, pin: Pin, definition: Definition, parts: list[Part], *, less_paid: bool
    ) -> Goods:
        everything = [*parts, *self._kept(pin.others, less_paid=less_paid)]
        if pin.shelf:
            parts = [self._on_shelf(pin, part) for part in parts]
            everything = [self._on_shelf(pin, part) for part in everything]
        named = {
            id(selector): numbers
            for selector, numbers in zip(definition.selectors(), pin.named, strict=False)
        }

        by_no = {part.line.line_no: part for part in everything}

        def chosen(selector: Selector) -> list[Part]:
            return [by_no[number] for number in named.get(id(selector), []) if number in by_no]

        return Goods(parts, everything, chosen)

    def _on_shelf(self, pin: Pin, part: Part) -> Part:
        """The share of the price before discounts that is kept."""
        line = self._lines[part.line.line_no]
        left, sold = (
            (line.net_left, line.net_minor)
            if line.net_minor
            else (line.quantity_left, line.quantity_milli)
        )
        amount = pin.shelf.get(line.line_no, 0) * left // sold
        return Part(part.line, part.quantity_milli, amount)


_GONE = Miss("gone")


def _holds(condition: ConditionBase, goods: Goods) -> bool:
    return not isinstance(condition, GoodsCondition) or condition.goods_miss(goods) is None


def _part(line: SoldLine, amount_minor: int) -> Part:
    return Part(_as_bought(line), line.quantity_left, amount_minor)


def _as_bought(line: SoldLine) -> BasketLine:
    return BasketLine(
        line_no=line.line_no,
        sku=line.sku,
        quantity_milli=line.quantity_milli,
        unit_price_minor=0,
        gross_minor=line.net_minor,
    )
