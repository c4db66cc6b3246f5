"""Price a basket: discounts, payment with points, points earned, and the reasons for all of it.

Fixed phases: prices, line discounts, basket discounts, payment with points, base
points, multipliers, bonuses, awards, taxes. The answer is the same for any order of the
lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from operator import attrgetter

from rewards.rules.answers import Left, Quote
from rewards.rules.awarding import give_awards
from rewards.rules.basket import Basket
from rewards.rules.choosing import best_run
from rewards.rules.discounting import discount
from rewards.rules.granting import earn
from rewards.rules.pricing import Payment, Redeem, pay_with_points, spread
from rewards.rules.rule_set import RuleSet
from rewards.rules.run import Run
from rewards.rules.scene import Scene
from rewards.rules.taxes import Taxable, tax_lines

NO_POINTS = Redeem()
_by_number = attrgetter("line.line_no")


def quote(
    basket: Basket,
    rules: RuleSet,
    redeem: Redeem | None = None,
    carries: Mapping[int, int] | None = None,
    left: Mapping[int, Left] | None = None,
    *,
    explain: bool = True,
) -> Quote:
    """Decide everything about a basket.

    ``carries``: remainders that the wallet is owed, by version. ``left``: what limits
    and budgets leave, by promotion; a promotion that is not in it has no bound.
    Without ``explain`` the numbers are the same, and decisions, grants and pins are left
    out: whoever only counts pays for nothing else.
    """
    scene = Scene(basket, rules, redeem or NO_POINTS, carries or {}, left or {})
    if scene.is_idle:
        run = Run(scene)
        run.payment = _pay(run)
    else:
        run = best_run(scene, partial(_attempt, scene), explain=explain)
    return _answer(run, rules.version)


def _attempt(scene: Scene, without: frozenset[int], *, explains: bool) -> Run:
    run = Run(scene, without, explains=explains)
    discount(run)
    run.payment = _pay(run)
    earn(run)
    give_awards(run)
    return run


def _pay(run: Run) -> Payment:
    nets = [line.line.gross_minor - line.discount_minor for line in run.lines]
    payable = [line for line in run.lines if not line.line.excluded_from_redemption]
    room = nets if len(payable) == len(nets) else [line.net_minor for line in payable]
    net_total = sum(nets)
    payment = pay_with_points(run.terms, net_total, sum(room), run.scene.redeem)
    if payment.money_minor:
        for line, share in zip(payable, spread(payment.money_minor, room), strict=True):
            line.points_paid_minor = share
    return payment


def _tax(run: Run) -> None:
    """In the lines' own order, so that the till's order decides nothing."""
    rates = [line.line.tax_basis_points for line in run.lines]
    if any(rates):
        taxable = [
            Taxable(line.net_minor, rate) for line, rate in zip(run.lines, rates, strict=True)
        ]
        for line, tax in zip(run.lines, tax_lines(taxable, run.terms.tax_mode), strict=True):
            line.tax_minor = tax


def _answer(run: Run, version: int) -> Quote:
    _tax(run)
    run.lines.sort(key=_by_number)
    return Quote(
        lines=tuple(run.lines),
        payment=run.payment,
        earned=sum([line.points for line in run.lines]),
        grants=tuple([run.grants[key] for key in sorted(run.grants)]),
        carry_deltas=run.carry_deltas,
        decisions=tuple(run.decisions),
        rules_version=version,
        awards=tuple(run.awards),
        pins=tuple(run.pins),
        uses=tuple([run.uses[key] for key in sorted(run.uses)]),
        tax_on_top=run.terms.tax_mode == "on_top",
    )
