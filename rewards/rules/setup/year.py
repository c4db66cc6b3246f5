"""What a plan comes to for a usual member in a year, reckoned by the rules of the till."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from rewards.rules.basket import Basket, BasketLine, MemberFacts
from rewards.rules.definitions import parse
from rewards.rules.quote import quote
from rewards.rules.rule_set import Rule, RuleSet
from rewards.rules.setup.answers import Answers
from rewards.rules.setup.plan import Plan
from rewards.rules.terms import Terms

#: Monday noon of the first year: no holidays, no leap day.
_BEGIN = datetime(2029, 1, 1, 12, tzinfo=UTC)
#: Of a usual receipt the category that the shop is known for makes a third.
_GOODS_SHARE = 3
MOST_VISITS = 400


class Year(msgspec.Struct, frozen=True):
    """Sums of a year: minor units of money, points in units of the wallet.

    ``points_minor``: what the points are worth if all of them are spent.
    """

    sales_minor: int
    points: int
    points_minor: int
    discount_minor: int

    @property
    def given_minor(self) -> int:
        return self.points_minor + self.discount_minor

    @property
    def share(self) -> int:
        """Of sales, in hundredths of a per cent."""
        return self.given_minor * 10_000 // max(self.sales_minor, 1)


def usual_year(answers: Answers, plan: Plan, terms: Terms) -> Year:
    """Every purchase of the year one by one: days of the week, second visits and tiers count."""
    rules = RuleSet(_rules(plan), terms)
    points = sum(gift.points for gift in plan.gifts)
    sales = discount = 0
    for basket in _purchases(answers, plan):
        sale = quote(basket, rules, explain=False)
        sales += sale.gross_minor
        points += sale.earned
        discount += sale.discount_minor
    discount += _free_pieces(answers, plan)
    return Year(sales, points, terms.money_for(points), discount)


def _rules(plan: Plan) -> Iterator[Rule]:
    for number, one in enumerate(plan.documents, start=1):
        yield Rule(
            version_id=number, promotion_id=number, code=one.code, name=one.code, number=1,
            priority=100, definition=parse(one.definition),
        )  # fmt: skip


def _purchases(answers: Answers, plan: Plan) -> Iterator[Basket]:
    spent, before = 0, None
    visits = min(answers.visits_a_year, MOST_VISITS)
    for number in range(visits):
        at = _BEGIN + timedelta(days=_day(number, visits))
        member = MemberFacts(
            tier=_tier(plan, spent), purchases=number, enrolled_on=_BEGIN.date(),
            last_purchase_on=before,
        )  # fmt: skip
        yield Basket(store="", at=at, lines=_lines(answers), member=member)
        spent, before = spent + answers.receipt_minor, at.date()


def _day(number: int, visits: int) -> int:
    """Evenly over the year, and over the days of the week, which a weekly step would not be."""
    day = 365 * number // visits
    return day if visits > 52 else day - day % 7 + number % 7


def _tier(plan: Plan, spent: int) -> str | None:
    reached = [tier.code for tier in plan.tiers if tier.threshold_minor <= spent]
    return reached[-1] if reached else None


def _lines(answers: Answers) -> tuple[BasketLine, ...]:
    known = answers.receipt_minor // _GOODS_SHARE
    rest = answers.receipt_minor - known
    parts = [("goods", known, answers.goods), ("rest", rest, "")]
    return tuple(
        BasketLine(
            line_no=number, sku=sku, quantity_milli=1000, unit_price_minor=minor,
            gross_minor=minor, categories=(category,) if category else (),
        )
        for number, (sku, minor, category) in enumerate(parts, start=1)
    )  # fmt: skip


def _free_pieces(answers: Answers, plan: Plan) -> int:
    """A stamp a visit; every full card gives a piece of the category."""
    if plan.stamps is None:
        return 0
    return answers.visits_a_year // plan.stamps.needed * (answers.receipt_minor // _GOODS_SHARE)
