"""What every effect is: its place in the fixed order, and the one method that place calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, Union

import msgspec
from pydantic import Field

from rewards.rules import rounding
from rewards.rules.basket import Basket, Part
from rewards.rules.conditions import Goods, Miss
from rewards.rules.earning import Granted
from rewards.rules.needs import Needs
from rewards.rules.selectors import Code, Selector, Strict
from rewards.rules.terms import Terms

Amount = Annotated[int, Field(gt=0, le=10**12)]
BasisPoints = Annotated[int, Field(ge=1, le=10_000, description="Hundredths of a per cent")]
Pieces = Annotated[int, Field(ge=1, le=100_000)]


class Phase(IntEnum):
    """The fixed order. Inside a phase: priority, then age of the promotion, never edit time.

    Points pay between the discounts and the base points.
    """

    PRICE = 10
    LINE = 20
    BASKET = 30
    BASE = 40
    MULTIPLIER = 50
    BONUS = 60
    AWARD = 70


class EffectBase(Strict):
    """Something a promotion does with the goods it counts."""

    kind: str

    def at(self) -> Phase:
        raise NotImplementedError

    def selectors(self) -> Iterable[Selector]:
        """Goods named besides those the promotion is about."""
        return ()

    def needs(self) -> Needs:
        return Needs()

    def at_most(self, times: int) -> Self:
        """The same effect, so many times a receipt; one that has no times stays as it is."""
        return self

    def waits_for(self) -> Iterable[str]:
        """Goods without which it does nothing; none: it depends on the counted goods."""
        return ()


class Discount(EffectBase):
    """Money off. More than the goods may lose is cut by the caller."""

    #: Whether each line gets its own discount, whatever the other lines are.
    by_line: ClassVar[bool] = False

    def offs(self, goods: Goods) -> Mapping[int, int]:
        """Line number → money off."""
        raise NotImplementedError

    def wanted(self) -> int:
        """What it would take if the goods cost enough."""
        return 0

    def missing(self, goods: Goods) -> Miss | None:
        """What more goods it takes to get one, when these get none."""
        return None


class PointsEffect(EffectBase):
    """Points for the counted goods.

    The same method grants at the sale and says, after a return, what the goods
    kept still deserve: so it follows from its arguments alone, and fewer goods
    never deserve more.
    """

    #: Whether it counts base points instead of money.
    counts_base: ClassVar[bool] = False

    def grant(self, parts: Sequence[Part], terms: Terms, carry_in: int) -> Granted:
        raise NotImplementedError

    def carries(self, terms: Terms) -> bool:
        """Whether a remainder is kept for the member's next purchase."""
        return False


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """Something given that is neither a discount nor points; whoever runs it fulfils it."""

    kind: str
    code: str = ""
    amount: int = 1
    choices: tuple[str, ...] = ()
    text: Mapping[str, str] = {}
    to: str = "member"
    valid_days: int | None = None


class AwardEffect(EffectBase):
    """Something that another part of the programme fulfils."""

    #: Whether only a member can get it.
    for_members: ClassVar[bool] = True
    #: Whether it is handed over or said at the till: too late for a receipt that is printed.
    at_till: ClassVar[bool] = False

    def at(self) -> Phase:
        return Phase.AWARD

    def amount(self, goods: Goods) -> int:
        """How much the goods deserve; a return asks again, fewer goods never get more."""
        return 1

    def award(self, basket: Basket, amount: int) -> Award | None:
        """So much of it, or None when it cannot be had."""
        raise NotImplementedError


class Free(Strict):
    kind: Literal["free"]

    def off(self, amount_minor: int) -> int:
        return amount_minor


class Percent(Strict):
    kind: Literal["percent"]
    basis_points: BasisPoints

    def off(self, amount_minor: int) -> int:
        return rounding.half_up(amount_minor * self.basis_points, 10_000)


class Minus(Strict):
    kind: Literal["amount"]
    amount_minor: Amount

    def off(self, amount_minor: int) -> int:
        return min(self.amount_minor, amount_minor)


class At(Strict):
    """For this price; goods that cost less stay as they are."""

    kind: Literal["price"]
    price_minor: Annotated[int, Field(ge=0, le=10**12)]

    def off(self, amount_minor: int) -> int:
        return max(0, amount_minor - self.price_minor)


#: How much cheaper something becomes.
Off: TypeAlias = Annotated[
    Union[Free, Percent, Minus, At],  # noqa: UP007 (read by pydantic)
    Field(discriminator="kind"),
]

__all__ = ["Amount", "At", "Award", "AwardEffect", "BasisPoints", "Code", "Discount", "EffectBase",
           "Free", "Minus", "Off", "Percent", "Phase", "Pieces", "PointsEffect"]  # fmt: skip
