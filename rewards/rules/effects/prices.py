"""Discounts that need no counting of pieces: per cent, amounts, prices, steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from rewards.rules import rounding
from rewards.rules.basket import Part, total, units
from rewards.rules.conditions import Goods, Miss, fewer
from rewards.rules.effects.base import Amount, BasisPoints, Discount, Off, Phase
from rewards.rules.effects.points import rising
from rewards.rules.needs import Needs
from rewards.rules.pricing import spread
from rewards.rules.selectors import Code, Strict


class LineDiscount(Discount):
    """Money off single lines, each for itself. The best one wins on each line."""

    by_line: ClassVar[bool] = True

    def off(self, part: Part) -> int:
        raise NotImplementedError

    def offs(self, goods: Goods) -> Mapping[int, int]:
        return {part.line.line_no: self.off(part) for part in goods.parts}


class PercentOff(LineDiscount):
    """A share of the price: of each line, or (phase basket) of all counted goods together."""

    kind: Literal["percent_off"]
    basis_points: BasisPoints
    phase: Literal["line", "basket"] = "line"

    def at(self) -> Phase:
        return Phase.LINE if self.phase == "line" else Phase.BASKET

    def off(self, part: Part) -> int:
        return rounding.half_up(part.amount_minor * self.basis_points, 10_000)

    def offs(self, goods: Goods) -> Mapping[int, int]:
        if self.phase == "line":
            return super().offs(goods)
        whole = rounding.half_up(total(goods.parts) * self.basis_points, 10_000)
        return spread_over(goods.parts, whole)


class AmountOff(Discount):
    """An amount off the counted goods together, once a receipt, spread over them."""

    kind: Literal["amount_off"]
    amount_minor: Amount

    def at(self) -> Phase:
        return Phase.BASKET

    def offs(self, goods: Goods) -> Mapping[int, int]:
        return spread_over(goods.parts, self.amount_minor)

    def wanted(self) -> int:
        return self.amount_minor


class AmountOffEach(LineDiscount):
    """An amount off every unit of quantity: a piece, a litre, a kilogram."""

    kind: Literal["amount_off_each"]
    amount_minor: Amount

    def at(self) -> Phase:
        return Phase.LINE

    def off(self, part: Part) -> int:
        return rounding.half_up(self.amount_minor * part.quantity_milli, 1000)


class FixedPrice(LineDiscount):
    """A price for one unit of quantity; goods that cost less stay as they are."""

    kind: Literal["fixed_price"]
    price_minor: Annotated[int, Field(ge=0, le=10**12)]

    def at(self) -> Phase:
        return Phase.PRICE

    def off(self, part: Part) -> int:
        price = rounding.half_up(self.price_minor * part.quantity_milli, 1000)
        return max(0, part.amount_minor - price)


class PriceFromList(LineDiscount):
    """Each product at its price in a list, such as the members' prices."""

    kind: Literal["price_list"]
    code: Code

    def at(self) -> Phase:
        return Phase.PRICE

    def off(self, part: Part) -> int:
        price = part.line.prices.get(self.code)
        if price is None:
            return 0
        return max(0, part.amount_minor - rounding.half_up(price * part.quantity_milli, 1000))

    def needs(self) -> Needs:
        return Needs(price_lists=frozenset({self.code}))


class OffStep(Strict):
    """From so much on (minor units or pieces) the goods are so much cheaper."""

    start: Amount
    off: Off


class TieredOff(Discount):
    """The more is bought, the cheaper all of it: the highest step reached counts."""

    kind: Literal["tiered_off"]
    by: Literal["amount", "quantity"]
    steps: Annotated[list[OffStep], Field(min_length=1, max_length=20)]
    phase: Literal["line", "basket"] = "line"

    @model_validator(mode="after")
    def _steps_rise(self) -> TieredOff:
        rising((step.start for step in self.steps), "steps")
        return self

    def at(self) -> Phase:
        return Phase.LINE if self.phase == "line" else Phase.BASKET

    def offs(self, goods: Goods) -> Mapping[int, int]:
        have = total(goods.parts) if self.by == "amount" else units(goods.parts)
        reached = [step.off for step in self.steps if step.start <= have]
        if not reached:
            return {}
        return spread_over(goods.parts, reached[-1].off(total(goods.parts)))

    def missing(self, goods: Goods) -> Miss | None:
        first = self.steps[0].start
        if self.by == "amount":
            return fewer("min_spend", first, total(goods.parts))
        return fewer("min_quantity", first, units(goods.parts))


class SpendStep(Strict):
    """Who has spent so much before gets so much off."""

    at_least_minor: Amount
    basis_points: BasisPoints


class CumulativeOff(LineDiscount):
    """A discount that grows with what the member has spent before this sale."""

    kind: Literal["cumulative_off"]
    days: Annotated[int, Field(ge=1, le=3_660)] | None = None
    period: Literal["month", "quarter", "year"] | None = None
    steps: Annotated[list[SpendStep], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _steps_rise(self) -> CumulativeOff:
        if (self.days is None) == (self.period is None):
            raise ValueError("days or period: one of them")
        rising((step.at_least_minor for step in self.steps), "steps")
        return self

    @property
    def window(self) -> str:
        return self.period or f"{self.days}d"

    def at(self) -> Phase:
        return Phase.LINE

    def needs(self) -> Needs:
        return Needs(windows=frozenset({self.window}))

    def offs(self, goods: Goods) -> Mapping[int, int]:
        spent = self._spent(goods) or 0
        reached = [one.basis_points for one in self.steps if one.at_least_minor <= spent]
        if not reached:
            return {}
        share = reached[-1]
        return {
            part.line.line_no: rounding.half_up(part.amount_minor * share, 10_000)
            for part in goods.parts
        }

    def missing(self, goods: Goods) -> Miss | None:
        """What the member has yet to spend; it is counted from the next purchase on."""
        if goods.member is None:
            return Miss("card_required")
        if (spent := self._spent(goods)) is None:
            return Miss("window_unknown")
        first = self.steps[0].at_least_minor
        if spent >= first:
            return None
        return Miss("window_spend", {"needed": first, "have": spent, "missing": first - spent})

    def _spent(self, goods: Goods) -> int | None:
        window = goods.member.windows.get(self.window) if goods.member else None
        return window.spend_minor if window else None


def spread_over(parts: Sequence[Part], amount: int) -> Mapping[int, int]:
    """An amount off many lines, in proportion to their prices."""
    shares = spread(amount, [part.amount_minor for part in parts])
    return {part.line.line_no: share for part, share in zip(parts, shares, strict=True)}
