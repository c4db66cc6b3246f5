"""The wording of a promotion version: what it is about, when it applies, what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from rewards.rules.conditions import ConditionBase, GoodsCondition
from rewards.rules.effects import EarningBase, Effect
from rewards.rules.effects.awards import Texts
from rewards.rules.effects.base import Amount, BasisPoints
from rewards.rules.needs import Needs, joined, of_member
from rewards.rules.selectors import Code, Selector, Strict
from rewards.rules.when import MAX_CONDITIONS, MAX_DEPTH, All, When, depth_of, leaves

MAX_BYTES = 256 * 1024
MAX_EFFECTS = 10


class Caps(Strict):
    """The most that this promotion takes off, and how low it lets a price fall."""

    line_minor: Amount | None = None
    line_basis_points: BasisPoints | None = None
    receipt_minor: Amount | None = None
    receipt_points: Annotated[int, Field(gt=0, le=10**12)] | None = None
    above_cost: bool = Field(default=False, description="No price falls below the cost price")
    floor_basis_points: BasisPoints | None = Field(
        default=None, description="No price falls below this share of the shelf price"
    )


class Stacking(Strict):
    """How the promotion goes together with others. ``group`` is one of the programme's groups."""

    group: Code | None = None
    not_with: Annotated[list[Code], Field(max_length=200)] = []
    caps: Caps = Field(default_factory=Caps)


Percent = Annotated[int, Field(ge=1, le=100)]


class Limit(Strict):
    """A bound counted over receipts: of uses, of points, or of money given away."""

    per: Literal["receipt", "member", "member_day", "day", "period", "store", "total"]
    what: Literal["uses", "points", "money"]
    max: Annotated[int, Field(gt=0, le=10**15)]
    period: Literal["week", "month", "quarter", "year"] | None = None
    release: Literal["full_return", "never"] = Field(
        default="full_return",
        description="Whether goods that all come back give the use back; a void always does",
    )
    alerts: Annotated[list[Percent], Field(max_length=10)] = Field(
        default=[50, 80, 100],
        description="Shares of a shared limit, in percent, of which the shop is told once each",
    )

    @model_validator(mode="after")
    def _names_the_period(self) -> Limit:
        if (self.per == "period") != (self.period is not None):
            raise ValueError("period belongs to per period")
        return self

    @property
    def counter(self) -> str:
        """The kind of its counter: a period by its own name."""
        return self.period or self.per

    @property
    def of_member(self) -> bool:
        return self.per in ("member", "member_day")


class CouponTerms(Strict):
    """The promotion works only when a coupon of its own is shown."""

    required: Literal[True] = True


class Pilot(Strict):
    """Live only here: in these stores, for these members, or for members with these tags."""

    stores: Annotated[list[Code], Field(max_length=5_000)] = []
    members: Annotated[list[Code], Field(max_length=5_000)] = []
    tags: Annotated[list[Code], Field(max_length=200)] = []

    @model_validator(mode="after")
    def _names_somebody(self) -> Pilot:
        if not (self.stores or self.members or self.tags):
            raise ValueError("a pilot names stores, members or tags")
        return self


class Labels(Strict):
    """Words by language: the name on the receipt, and what the cashier may say."""

    receipt: Texts | None = None
    cashier: Texts | None = None


class Funding(Strict):
    """Who pays for what the promotion gives: the shop itself, a brand, or a partner by its code."""

    party: Literal["own", "brand", "partner"]
    code: Code | None = None

    @model_validator(mode="after")
    def _names_the_payer(self) -> Funding:
        if (self.party == "own") != (self.code is None):
            raise ValueError("a brand or a partner has a code, the shop itself has none")
        return self


class Definition(Strict):
    """When the tree holds, each effect works on the goods that ``goods`` selects."""

    goods: Selector = Field(default_factory=Selector)
    when: When = Field(default_factory=All)
    effects: Annotated[list[Effect], Field(min_length=1, max_length=MAX_EFFECTS)]
    thresholds: Literal["after_earlier", "before_discounts"] = Field(
        default="after_earlier",
        description="What conditions count: the price left by earlier phases, or the shelf price",
    )
    stacking: Stacking = Field(default_factory=Stacking)
    limits: Annotated[list[Limit], Field(max_length=20)] = []
    coupon: CouponTerms | None = None
    pilot: Pilot | None = None
    labels: Labels = Field(default_factory=Labels)
    funding: Funding | None = Field(default=None, description="Left out: the shop itself")
    public: bool = Field(
        default=True,
        description="Whether the public page of the programme's rules names it. Pilots, coupons"
        " and offers for tags or segments never stand there",
    )

    @model_validator(mode="after")
    def _not_too_many(self) -> Definition:
        if len(self.conditions()) > MAX_CONDITIONS:
            raise ValueError(f"more than {MAX_CONDITIONS} conditions")
        rates = [one for one in self.effects if isinstance(one, EarningBase)]
        if len([one for one in rates if one.scope == "receipt"]) > 1:
            raise ValueError("only one rate of a promotion is rounded once a receipt")
        return self

    @cached_property
    def bounded(self) -> Sequence[Effect]:
        """The effects, with the uses that one receipt may see of them."""
        uses = [one.max for one in self.limits if (one.per, one.what) == ("receipt", "uses")]
        return [one.at_most(min(uses)) for one in self.effects] if uses else self.effects

    @cached_property
    def counted(self) -> list[Limit]:
        """The limits that are counted over receipts."""
        return [one for one in self.limits if one.per != "receipt"]

    @cached_property
    def counts_members(self) -> bool:
        """Whether a limit is each member's own: a sale to nobody cannot be counted by it."""
        return any(one.of_member for one in self.limits)

    @cached_property
    def _conditions(self) -> list[ConditionBase]:
        return [condition for condition, _ in leaves(self.when)]

    def conditions(self) -> list[ConditionBase]:
        """Every condition of the tree, in the order of the text."""
        return self._conditions

    def selectors(self) -> Iterator[Selector]:
        """Goods named besides ``goods``, always in the same order."""
        for condition in self.conditions():
            yield from condition.selectors()
        for effect in self.effects:
            yield from effect.selectors()

    def needs(self) -> Needs:
        asked = [condition.needs() for condition in self.conditions()]
        asked += [effect.needs() for effect in self.effects]
        if self.pilot:
            asked.append(of_member("tags", "id"))
        selectors = [self.goods, *self.selectors()]
        sets = [one for selector in selectors for one in (selector.include, selector.exclude)]
        by_list, by_attribute = (any(s.lists for s in sets), any(s.attributes for s in sets))
        return joined([*asked, Needs(product_lists=by_list, attributes=by_attribute)])

    @cached_property
    def goes_with_all(self) -> bool:
        """Whether it is in no group and names nobody it does not go with."""
        return not (self.stacking.group or self.stacking.not_with)

    @cached_property
    def bounds_lines(self) -> bool:
        """Whether it cuts discounts line by line, besides what the programme does."""
        caps = self.stacking.caps
        least, most = caps.floor_basis_points, (caps.line_minor, caps.line_basis_points)
        return caps.above_cost or least is not None or most != (None, None)

    @cached_property
    def bounds_points(self) -> bool:
        """Whether it bounds its own points, receipt by receipt."""
        capped = self.stacking.caps.receipt_points is not None
        return capped or any((one.per, one.what) == ("receipt", "points") for one in self.limits)

    @cached_property
    def counts_whole_basket(self) -> bool:
        """Whether goods matter that the promotion is not about."""
        return any(
            isinstance(condition, GoodsCondition) and condition.whole_basket
            for condition in self.conditions()
        )


class InvalidDefinitionError(ValueError):
    """``errors`` has one entry a fault: JSON pointer into the definition, code, and params."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__(f"{len(errors)} faults, the first at {errors[0]['pointer']}")


def parse(document: Mapping[str, Any]) -> Definition:
    """A definition from untrusted JSON values; ``InvalidDefinitionError`` names every fault."""
    if depth_of(document.get("when")) > MAX_DEPTH:
        _refuse("/when", "too_deep", MAX_DEPTH)
    if _size(document) > MAX_BYTES:
        _refuse("", "too_large", MAX_BYTES)
    try:
        return Definition.model_validate(document)
    except ValidationError as refused:
        raise InvalidDefinitionError(faults_of(refused, document)) from None


def faults_of(refused: ValidationError, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every fault of a document with the place in it."""
    return [_fault(error, document) for error in refused.errors(include_url=False)]


def _size(document: Mapping[str, Any]) -> int:
    try:
        return len(json.dumps(document))
    except RecursionError:
        return MAX_BYTES + 1


def _refuse(pointer: str, code: str, most: int) -> None:
    raise InvalidDefinitionError([{"pointer": pointer, "code": code, "params": {"max": most}}])


def _fault(error: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    limits = dict(error.get("ctx", {}))
    if "error" in limits:
        limits["why"] = str(limits.pop("error"))
    return {
        "pointer": _pointer(error["loc"], document, of_missing=error["type"] == "missing"),
        "code": error["type"],
        "params": {name: value for name, value in limits.items() if isinstance(value, int | str)},
    }


def _pointer(steps: Sequence[int | str], document: Any, *, of_missing: bool) -> str:
    """The place in the document itself: names of kinds, which the parser adds, are left out."""
    path, at = "", document
    for step in steps:
        inside = isinstance(at, Mapping) and step in at
        if inside or (isinstance(at, list) and isinstance(step, int)):
            path, at = f"{path}/{step}", at[step]
    return f"{path}/{steps[-1]}" if of_missing else path


def schema() -> dict[str, Any]:
    """The published JSON schema, generated from the classes themselves."""
    return Definition.model_json_schema()
