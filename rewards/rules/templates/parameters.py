"""What a template asks for: each parameter with its kind, its default and its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rewards.rules.conditions.times import IsoTime
from rewards.rules.selectors import Code, ProductSet, SomeCodes, Strict

#: money: minor units. percent: hundredths of a per cent. times: tenths (20 is double).
#: price: minor units, and nothing at all is a price too.
#: points: the wallet's smallest unit. count: pieces or receipts. days. choice: one of ``choices``.
#: goods: a set of products. categories, tenders, channels, products: lists of codes.
#: price_list, stamp_card, coupon: a code. weekdays: 1 (Monday) to 7. hours: from and to.
#: off_steps: from so much on (``start``) so much off (``percent``), rising.
#: spend_steps: who has spent ``start`` gets ``percent``, rising.
Kind = Literal[
    "money", "price", "percent", "times", "points", "count", "days", "choice", "goods",
    "categories", "products", "tenders", "channels", "price_list", "stamp_card", "coupon",
    "weekdays", "hours", "off_steps", "spend_steps",
]  # fmt: skip

MOST_MONEY = 10**12


class Hours(Strict):
    """From the first minute to the last, the last one not included."""

    start: IsoTime
    end: IsoTime


class Step(Strict):
    """From so much on (minor units or pieces), so much off."""

    start: Annotated[int, Field(gt=0, le=MOST_MONEY)]
    percent: Annotated[int, Field(ge=1, le=10_000)]


class SomeGoods(ProductSet):
    """A set of products that names at least one."""

    @model_validator(mode="after")
    def _names_something(self) -> SomeGoods:
        if not list(self.lookup_keys()):
            raise ValueError("name some goods")
        return self


_NUMBERS: dict[str, tuple[int, int]] = {
    "money": (1, MOST_MONEY), "price": (0, MOST_MONEY), "percent": (1, 10_000),
    "times": (11, 1_000),
    "points": (1, 10**6), "count": (1, 1_000), "days": (0, 3_660),
}  # fmt: skip
_Weekday = Annotated[int, Field(ge=1, le=7)]
_TYPES: dict[str, Any] = {
    "goods": ProductSet, "categories": SomeCodes, "products": SomeCodes, "tenders": SomeCodes,
    "channels": SomeCodes, "price_list": Code, "stamp_card": Code, "coupon": Code,
    "weekdays": Annotated[list[_Weekday], Field(max_length=7)], "hours": Hours,
    "off_steps": Annotated[list[Step], Field(min_length=1, max_length=20)],
    "spend_steps": Annotated[list[Step], Field(min_length=1, max_length=20)],
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing to fill in. ``default`` None: it has to be given, unless it is ``optional``.

    Goods with a default are all goods until some are named.
    """

    name: str
    kind: Kind
    default: Any = None
    optional: bool = False
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is None and not self.optional

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The least and the most of a number; None for what is not a number."""
        if self.kind not in _NUMBERS:
            return None
        low, high = _NUMBERS[self.kind]
        return (self.low or low, self.high or high)

    def field(self) -> tuple[Any, Any]:
        """The parameter as pydantic reads it."""
        return (self._type() | None if self.optional else self._type(), self._default())

    def _type(self) -> Any:
        if self.kind == "choice":
            return Literal[self.choices]
        if bounds := self.bounds:
            return Annotated[int, Field(ge=bounds[0], le=bounds[1])]
        if self.kind == "goods" and self.required:
            return SomeGoods
        return _TYPES[self.kind]

    def _default(self) -> Any:
        return ... if self.required else Field(default=self.default, validate_default=True)
