"""Effects that another part of the programme fulfils: here they only say what and how much."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from pydantic import Field, model_validator

from rewards.rules.basket import Basket, total, units
from rewards.rules.conditions import Goods
from rewards.rules.effects.base import Amount, Award, AwardEffect, BasisPoints, Pieces
from rewards.rules.needs import Needs
from rewards.rules.rounding import down
from rewards.rules.selectors import Code

#: Coupons are issued one by one while the till waits.
MOST_COUPONS = 10
Text = Annotated[str, Field(min_length=1, max_length=300)]
Texts = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z]{2}$")], Text], Field(min_length=1, max_length=20)
]


class Counted(AwardEffect):
    """``count`` once a receipt, for every piece, or for every full amount."""

    count: Pieces = 1
    per: Literal["receipt", "item", "amount"] = "receipt"
    per_minor: Amount | None = None

    @model_validator(mode="after")
    def _names_the_amount(self) -> Counted:
        if (self.per == "amount") != (self.per_minor is not None):
            raise ValueError("per_minor belongs to per amount")
        return self

    def times(self, goods: Goods) -> int:
        if self.per == "receipt":
            return 1
        if self.per == "item":
            return units(goods.parts)
        return down(total(goods.parts), self.per_minor or 1)

    def named(self) -> Award:
        raise NotImplementedError

    def amount(self, goods: Goods) -> int:
        return self.count * self.times(goods)

    def award(self, basket: Basket, amount: int) -> Award | None:
        return msgspec.structs.replace(self.named(), amount=amount)


class Stamps(Counted):
    """Stamps on a stamp card."""

    kind: Literal["stamps"]
    code: Code

    def named(self) -> Award:
        return Award(kind=self.kind, code=self.code)


class NextCoupon(Counted):
    """A coupon for a later visit, ten of them on one receipt at most."""

    kind: Literal["next_coupon"]
    code: Code
    valid_days: Annotated[int, Field(ge=1, le=3_660)] | None = None

    def named(self) -> Award:
        return Award(kind=self.kind, code=self.code, valid_days=self.valid_days)

    def amount(self, goods: Goods) -> int:
        return min(super().amount(goods), MOST_COUPONS)


class DrawTickets(Counted):
    """Chances in a prize draw."""

    kind: Literal["draw_tickets"]
    code: Code

    def named(self) -> Award:
        return Award(kind=self.kind, code=self.code)


class GamePlays(Counted):
    """Turns in a game."""

    kind: Literal["game_plays"]
    code: Code

    def named(self) -> Award:
        return Award(kind=self.kind, code=self.code)


class Gift(Counted):
    """A product for nothing: one of these, as far as they are in stock."""

    for_members: ClassVar[bool] = False
    at_till: ClassVar[bool] = True
    kind: Literal["gift"]
    skus: Annotated[list[Code], Field(min_length=1, max_length=50)]

    def named(self) -> Award:
        return Award(kind=self.kind)

    def award(self, basket: Basket, amount: int) -> Award | None:
        """What the buyer has chosen, or what there is to choose from."""
        there = tuple(sku for sku in self.skus if basket.stock.get(sku, amount) >= amount)
        if not there:
            return None
        chosen = next((sku for sku in basket.gifts if sku in there), "")
        sole = there[0] if len(there) == 1 else ""
        return Award(kind=self.kind, code=chosen or sole, amount=amount, choices=there)

    def needs(self) -> Needs:
        return Needs(gifts=frozenset(self.skus))


class FreeDelivery(AwardEffect):
    """The order is delivered for nothing."""

    for_members: ClassVar[bool] = False
    at_till: ClassVar[bool] = True
    kind: Literal["free_delivery"]

    def award(self, basket: Basket, amount: int) -> Award:
        return Award(kind=self.kind)


class AddTag(AwardEffect):
    """The member gets a tag."""

    kind: Literal["tag"]
    code: Code
    valid_days: Annotated[int, Field(ge=1, le=3_660)] | None = None

    def award(self, basket: Basket, amount: int) -> Award:
        return Award(kind=self.kind, code=self.code, valid_days=self.valid_days)


class CharityPledge(AwardEffect):
    """The shop gives a share of the price, or an amount, to a charity."""

    for_members: ClassVar[bool] = False
    kind: Literal["charity"]
    code: Code
    basis_points: BasisPoints | None = None
    amount_minor: Amount | None = None

    @model_validator(mode="after")
    def _names_one(self) -> CharityPledge:
        if (self.basis_points is None) == (self.amount_minor is None):
            raise ValueError("basis_points or amount_minor: one of them")
        return self

    def amount(self, goods: Goods) -> int:
        share = down(total(goods.parts) * (self.basis_points or 0), 10_000)
        return self.amount_minor or share

    def award(self, basket: Basket, amount: int) -> Award:
        return Award(kind=self.kind, code=self.code, amount=amount)


class Message(AwardEffect):
    """Words printed on the receipt, or shown to the cashier; by language."""

    for_members: ClassVar[bool] = False
    at_till: ClassVar[bool] = True
    kind: Literal["message"]
    to: Literal["receipt", "cashier"]
    text: Texts

    def award(self, basket: Basket, amount: int) -> Award:
        return Award(kind=self.kind, text=self.text, to=self.to)
