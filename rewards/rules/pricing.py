"""Money off lines: discounts never take a price below zero, and parts add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loyalty_crm.kernel.money import split_largest_remainder
from rewards.rules.terms import Terms


class Redeem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the member wants to pay with points, and what there is to pay with.

    ``barred`` names why this card may not pay at all.
    """

    points: int = 0
    available: int = 0
    barred: str = ""


class Payment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What points pay of one receipt: the most they could, and what was taken."""

    requested: int
    points: int
    money_minor: int
    max_points: int
    max_money_minor: int
    #: What set the maximum: share, goods, balance, minimum, or why the card may not pay.
    bound: str


def spread(amount: int, room: Sequence[int]) -> list[int]:
    """Split an amount over prices, in proportion, never more than the price itself.

    With amount <= sum of prices, each share is at most its price: the rounded-up
    part of a share is only given where there is a fraction left to fill.
    """
    amount = min(amount, sum(room))
    return split_largest_remainder(amount, room) if amount else [0] * len(room)


def most_payable(
    terms: Terms, net_total: int, eligible_total: int, redeem: Redeem
) -> tuple[int, str]:
    """The most money that points may pay on a receipt, and what limits it."""
    bounds = [
        (net_total * terms.max_points_share_percent // 100, "share"),
        (eligible_total, "goods"),
        (terms.money_for(max(redeem.available, 0)), "balance"),
    ]
    if redeem.barred:
        bounds = [(0, redeem.barred)]
    money, bound = min(bounds)
    return (
        (0, "minimum") if 0 < terms.points_for(money) < terms.min_redeem_points else (money, bound)
    )


def pay_with_points(terms: Terms, net_total: int, eligible_total: int, redeem: Redeem) -> Payment:
    """Take what was asked for as far as the terms allow; charge only what it is worth."""
    most, bound = most_payable(terms, net_total, eligible_total, redeem)
    money = min(terms.money_for(redeem.points), most)
    if redeem.points < terms.min_redeem_points:
        money = 0
    return Payment(
        requested=redeem.points,
        points=terms.points_for(money),
        money_minor=money,
        max_points=terms.points_for(most),
        max_money_minor=most,
        bound=bound,
    )
