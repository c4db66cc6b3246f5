"""Effects that give points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from rewards.rules.basket import Part, total, units
from rewards.rules.earning import Granted, grant_by_line, grant_by_receipt, grant_fixed
from rewards.rules.effects.base import Amount, BasisPoints, Phase, PointsEffect
from rewards.rules.selectors import Strict
from rewards.rules.terms import Rounding, Terms

Points = Annotated[int, Field(ge=0, le=10**6)]
PHASES = {"base": Phase.BASE, "bonus": Phase.BONUS}
Place = Literal["base", "bonus"]


class RateStep(Strict):
    """From this amount of counted goods on, all of them earn at this rate."""

    from_minor: Amount
    points: Points


class EarningBase(PointsEffect):
    """Points in proportion to something: raw units of each line, ``per`` of them to the point.

    In the base phase the narrowest rule wins a line; bonuses come on top of that.
    """

    phase: Place = "base"
    scope: Literal["receipt", "line"] = "receipt"
    rounding: Rounding | None = Field(default=None, description="Left out: as the programme does")

    def at(self) -> Phase:
        return PHASES[self.phase]

    def raws(self, parts: Sequence[Part], terms: Terms) -> list[int]:
        """Raw units of each part. Fewer goods never have more, line by line."""
        raise NotImplementedError

    def per(self, terms: Terms) -> int:
        raise NotImplementedError

    def step(self) -> int:
        """Points come in portions of so many."""
        return 1

    def mode(self, terms: Terms) -> Rounding:
        return self.rounding or terms.rounding

    def grant(self, parts: Sequence[Part], terms: Terms, carry_in: int) -> Granted:
        raws, per = self.raws(parts, terms), self.per(terms)
        if self.scope == "line":
            return grant_by_line(raws, per, self.mode(terms), self.step())
        return grant_by_receipt(raws, per, self.mode(terms), carry_in, self.step())

    def carries(self, terms: Terms) -> bool:
        return self.scope == "receipt" and self.mode(terms) == "carry"


class EarnRate(EarningBase):
    """So many points per so much money.

    ``whole_steps``: only full amounts count (50 points for every full 10.00).
    ``tiers``: the more is bought, the better the rate of all of it.
    """

    kind: Literal["earn_rate"]
    points: Points
    per_minor: Annotated[int, Field(gt=0, le=10**9)]
    whole_steps: bool = False
    tiers: Annotated[list[RateStep], Field(max_length=20)] = []

    @model_validator(mode="after")
    def _rates_rise(self) -> EarnRate:
        rising((tier.from_minor for tier in self.tiers), "tiers")
        if not_falling([self.points, *(tier.points for tier in self.tiers)]):
            return self
        raise ValueError("a higher tier earns less")

    def raws(self, parts: Sequence[Part], terms: Terms) -> list[int]:
        bought = total(parts)
        reached = [tier.points for tier in self.tiers if tier.from_minor <= bought]
        rate = reached[-1] if reached else self.points
        return [part.amount_minor * rate for part in parts]

    def per(self, terms: Terms) -> int:
        return self.per_minor

    def step(self) -> int:
        return max(self.points, 1) if self.whole_steps else 1


class EarnPerItem(EarningBase):
    """So many points for each piece; weighed goods are one piece a line.

    ``by`` quantity: for each unit of quantity, such as a litre or a kilogram.
    """

    kind: Literal["earn_items"]
    points: Points
    by: Literal["pieces", "quantity"] = "pieces"

    def raws(self, parts: Sequence[Part], terms: Terms) -> list[int]:
        if self.by == "quantity":
            return [part.quantity_milli * self.points for part in parts]
        return [part.units * self.points for part in parts]

    def per(self, terms: Terms) -> int:
        return 1_000 if self.by == "quantity" else 1


class Cashback(EarningBase):
    """A share of the price comes back as points of the same value."""

    kind: Literal["cashback"]
    basis_points: BasisPoints

    def raws(self, parts: Sequence[Part], terms: Terms) -> list[int]:
        rate = self.basis_points * terms.units_per_point
        return [part.amount_minor * rate for part in parts]

    def per(self, terms: Terms) -> int:
        return 10_000 * terms.point_value_minor


class FixedPoints(PointsEffect):
    """A bonus on top of the base, once a receipt."""

    kind: Literal["fixed_points"]
    points: Annotated[int, Field(gt=0, le=10**9)]

    def at(self) -> Phase:
        return Phase.BONUS

    def grant(self, parts: Sequence[Part], terms: Terms, carry_in: int) -> Granted:
        return grant_fixed(self.points, [part.amount_minor for part in parts])


class PointsStep(Strict):
    """From so much on (minor units or pieces) this many points instead of the step before."""

    start: Amount
    points: Annotated[int, Field(gt=0, le=10**9)]


class TieredPoints(PointsEffect):
    """The more is bought, the greater the bonus: the highest step reached counts."""

    kind: Literal["tiered_points"]
    by: Literal["amount", "quantity"]
    steps: Annotated[list[PointsStep], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _steps_rise(self) -> TieredPoints:
        rising((step.start for step in self.steps), "steps")
        if not_falling([step.points for step in self.steps]):
            return self
        raise ValueError("a higher step gives less")

    def at(self) -> Phase:
        return Phase.BONUS

    def grant(self, parts: Sequence[Part], terms: Terms, carry_in: int) -> Granted:
        have = total(parts) if self.by == "amount" else units(parts)
        reached = [step.points for step in self.steps if step.start <= have]
        weights = [part.amount_minor for part in parts]
        return grant_fixed(reached[-1] if reached else 0, weights)


class MultiplyPoints(PointsEffect):
    """The base points of the counted goods so many times over.

    ``tenths`` 20 is double points: the effect itself adds one time more.
    """

    counts_base: ClassVar[bool] = True
    kind: Literal["multiply_points"]
    tenths: Annotated[int, Field(gt=10, le=1_000, description="Tenths: 20 doubles, 15 adds half")]

    def at(self) -> Phase:
        return Phase.MULTIPLIER

    def grant(self, parts: Sequence[Part], terms: Terms, carry_in: int) -> Granted:
        """``parts`` carry base points in raw units of ``BASE_UNIT`` to the point."""
        raws = [part.amount_minor * (self.tenths - 10) for part in parts]
        mode: Rounding = "down" if terms.rounding == "carry" else terms.rounding
        return grant_by_receipt(raws, 10 * BASE_UNIT, mode)


#: Base points are handed to multipliers in these parts of a point, so that no rule's rate is lost.
BASE_UNIT = 10**12


def rising(values: Iterable[int], what: str) -> None:
    numbers = list(values)
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise ValueError(f"{what} must rise")


def not_falling(values: Sequence[int]) -> bool:
    return all(one <= two for one, two in pairwise(values))


def base_units(effect: EarningBase, parts: Sequence[Part], terms: Terms) -> dict[int, int]:
    """Line number → base points of one rule, in parts of ``BASE_UNIT`` to the point."""
    raws, per = effect.raws(parts, terms), effect.per(terms)
    return {
        part.line.line_no: raw * BASE_UNIT // per for part, raw in zip(parts, raws, strict=True)
    }


def in_base_units(parts: Sequence[Part], units: Mapping[int, int]) -> list[Part]:
    """The same goods, weighed by the base points that they earn."""
    return [Part(part.line, part.quantity_milli, units.get(part.line.line_no, 0)) for part in parts]
