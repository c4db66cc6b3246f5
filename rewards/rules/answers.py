"""What a quote says: prices, points, awards, the reasons for them, and the pins of returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from rewards.rules.basket import BasketLine
from rewards.rules.effects import Award
from rewards.rules.pricing import Payment

# Nothing here can point back at itself, so the garbage collector need not follow it: gc=False.

Outcome = Literal["applied", "beaten", "capped", "not_matched"]
Params = dict[str, int | str | list[str]]


class Decision(msgspec.Struct, kw_only=True, gc=False):
    """What became of one effect of a promotion on this receipt, and why. Lines are line numbers.

    ``near`` marks a miss that more goods, or a card, would mend. What gives something
    also says its name on the receipt (``label``) and what the cashier may say
    (``message``), both by language, and who pays for it.
    """

    promotion: str
    name: str
    version: int
    outcome: Outcome
    reason: str
    effect: str = ""
    params: Params = {}
    lines: list[int] = []
    points: int = 0
    discount_minor: int = 0
    raw_units: int = 0
    per: int = 1
    near: bool = False
    label: dict[str, str] = {}
    message: dict[str, str] = {}
    funding: dict[str, str] = {}


class PricedLine(msgspec.Struct, kw_only=True, gc=False):
    """A line with everything decided: net = gross - discount; points_paid is a part of net.

    ``tax_minor`` is in the net price or on top of it, by the programme's terms.
    """

    line: BasketLine
    discount_minor: int
    points_paid_minor: int = 0
    points: int = 0
    tax_minor: int = 0

    @property
    def net_minor(self) -> int:
        return self.line.gross_minor - self.discount_minor


class LineGrant(msgspec.Struct, frozen=True, gc=False):
    """Points of one rule on one line, all its effects together."""

    line_no: int
    version_id: int
    base_minor: int
    points: int
    carry_in: int


class Pin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One effect of a rule version as it gave something on a receipt: what returns work from.

    ``bases``: line number → the amount it counted. ``others``: lines that only its
    conditions count. ``named``: lines of each further selector, in the order of the
    definition. ``held``: a bit for each condition that held. ``shelf``: prices before
    discounts, where thresholds count those.
    """

    version_id: int
    effect: int
    granted: int
    bases: dict[int, int]
    carry_in: int = 0
    held: int = 0
    others: dict[int, int] = {}
    named: list[list[int]] = []
    shelf: dict[int, int] = {}


class GivenAward(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An award and the promotion that gives it; ``effect`` counts the promotion's effects."""

    promotion: str
    promotion_id: int
    version_id: int
    effect: int
    award: Award


class Use(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one promotion gave on this receipt: what limits and budgets count."""

    promotion_id: int
    version_id: int
    code: str
    money_minor: int
    points: int


class Left(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What limits and budgets leave for one promotion on this receipt. None: no bound.

    ``per`` names the strictest limit of each kind: "money" → "day".
    """

    uses: int | None = None
    points: int | None = None
    money_minor: int | None = None
    per: dict[str, str] = {}


class Quote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The whole answer. Lines stand in the order of their numbers.

    ``decisions``, ``grants`` and ``pins`` say how it came about; they are empty where
    nobody asked for an explanation.
    """

    lines: tuple[PricedLine, ...]
    payment: Payment
    earned: int
    grants: tuple[LineGrant, ...]
    carry_deltas: Mapping[int, int]
    decisions: tuple[Decision, ...]
    rules_version: int
    awards: tuple[GivenAward, ...] = ()
    pins: tuple[Pin, ...] = ()
    uses: tuple[Use, ...] = ()
    tax_on_top: bool = False

    @property
    def gross_minor(self) -> int:
        return sum([line.line.gross_minor for line in self.lines])

    @property
    def discount_minor(self) -> int:
        return sum([line.discount_minor for line in self.lines])

    @property
    def points_paid_minor(self) -> int:
        return self.payment.money_minor

    @property
    def tax_minor(self) -> int:
        return sum(line.tax_minor for line in self.lines)

    @property
    def tax_added_minor(self) -> int:
        """The tax that the prices do not include."""
        return self.tax_minor if self.tax_on_top else 0

    @property
    def total_minor(self) -> int:
        """What money has to pay."""
        net = self.gross_minor - self.discount_minor
        return net - self.payment.money_minor + self.tax_added_minor
