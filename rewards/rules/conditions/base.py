"""What every condition is: a question with an answer that says what is missing.

The answer is shown to the cashier and kept with the receipt, so it is never a bare no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import msgspec

from rewards.rules.basket import Basket, MemberFacts, Part
from rewards.rules.needs import Needs
from rewards.rules.selectors import Selector, Strict


class Miss(msgspec.Struct, frozen=True):
    """Why a rule did not apply: a stable code and the numbers or names behind it.

    ``near`` marks what the buyer can still mend at the till by putting more goods in.
    """

    reason: str
    params: dict[str, int | str | list[str]] = {}
    near: bool = False


class Goods:
    """The goods a rule is asked about: those it counts, all of the sale, others it names.

    ``member``: who buys them; nobody once they come back.
    """

    __slots__ = ("_chosen", "everything", "member", "parts")

    def __init__(
        self,
        parts: Sequence[Part],
        everything: Sequence[Part] | None = None,
        chosen: Callable[[Selector], Sequence[Part]] | None = None,
        member: MemberFacts | None = None,
    ) -> None:
        self.parts = parts
        self.everything = parts if everything is None else everything
        self._chosen = chosen
        self.member = member

    def chosen(self, selector: Selector) -> Sequence[Part]:
        """The goods that a selector names."""
        return self.everything if self._chosen is None else self._chosen(selector)


class ConditionBase(Strict):
    """A question about the sale. A return does not ask it again: it cannot change any more."""

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        """None when the condition holds."""
        raise NotImplementedError

    def triggers(self) -> list[str] | None:
        """Keys of which the sale must have one; None when it cannot be told beforehand."""
        return None

    def needs(self) -> Needs:
        """What has to be known about the member."""
        return Needs()

    def selectors(self) -> Iterable[Selector]:
        """Goods named besides those the promotion is about."""
        return ()


class GoodsCondition(ConditionBase):
    """A question about goods alone, of the form "at least". A return asks it of the goods kept."""

    #: Whether goods count that the promotion is not about.
    whole_basket: ClassVar[bool] = False

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        return self.goods_miss(goods)

    def goods_miss(self, goods: Goods) -> Miss | None:
        raise NotImplementedError


def fewer(reason: str, needed: int, have: int) -> Miss | None:
    """The miss of a threshold; the limit itself is included."""
    if have >= needed:
        return None
    return Miss(reason, {"needed": needed, "have": have, "missing": needed - have}, near=True)
