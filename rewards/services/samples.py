"""A small basket to try a wording on: priced with and without it, by the rules themselves.

Reads only. What is tried is no promotion yet, or the next version of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import msgspec
from django.db.models import Q

from members.models import Product, Store
from rewards.models import Promotion
from rewards.rules import definitions
from rewards.rules.answers import Decision, Quote
from rewards.rules.basket import Basket, MemberFacts, Window
from rewards.rules.lint import Oddity, lint
from rewards.rules.needs import Needs
from rewards.rules.quote import quote
from rewards.rules.rule_set import Rule, RuleSet
from rewards.services.checkout.asks import Ask, AskedLine, MemberKey
from rewards.services.checkout.facts import basket_of, read_facts
from rewards.services.rule_sets import Compiled

MOST_LINES = 20
#: A promotion that is not written yet comes after all that are.
NOT_YET = 2**40

Who = Literal["new", "nobody", "card"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLine:
    """Goods of the basket; without a price they cost what the catalogue says."""

    sku: str
    quantity_milli: int = 1000
    price_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A basket at a moment in a store. ``who``: nobody, a new member, or the owner of a card."""

    store: str
    at: datetime
    lines: Sequence[SampleLine]
    who: Who = "new"
    card: str = ""
    with_coupon: bool = True


@dataclass(frozen=True, slots=True)
class Tried:
    """The basket priced with the wording and without it; what it decided about itself."""

    with_it: Quote
    without: Quote
    decisions: Sequence[Decision]


def rule_to_try(
    definition: definitions.Definition,
    *,
    promotion: Promotion | None,
    code: str,
    name: str,
    priority: int,
) -> Rule:
    """The wording as a rule that is live at any moment."""
    return Rule(
        version_id=NOT_YET,
        promotion_id=promotion.pk if promotion else NOT_YET,
        code=promotion.code if promotion else code or "new",
        name=name or (promotion.name if promotion else code),
        number=0,
        priority=priority,
        definition=definition,
    )


def oddities(
    rule: Rule, compiled: Compiled, now: datetime, others: Sequence[Rule] | None = None
) -> list[Oddity]:
    """What is odd about a wording beside the live rules, or beside others; they go by name."""
    rules = compiled.rules
    beside = rules.rules if others is None else others
    names = {one.code: one.name for one in beside}
    return [
        msgspec.structs.replace(
            one, params={key: names.get(said, said) for key, said in one.params.items()}
        )
        for one in lint(rule, beside, rules.groups, rules.terms, now)
    ]


def try_sample(rule: Rule, sample: Sample, compiled: Compiled) -> Tried:
    """Two quotes of one basket. Refusals are those of a till: a card or store nobody knows.

    Two queries: prices of the catalogue, and the facts of a sale.
    """
    rules = compiled.rules
    others = [one for one in rules.rules if one.promotion_id != rule.promotion_id]
    mine = RuleSet([*others, rule], rules.terms, rules.version, rules.groups.values())
    asked = replace(compiled, rules=mine)
    basket = _basket(sample, rule, asked)
    tried = quote(basket, mine)
    return Tried(
        with_it=tried,
        without=quote(basket, RuleSet(others, rules.terms, groups=rules.groups.values())),
        decisions=[one for one in tried.decisions if one.promotion == rule.code],
    )


def _basket(sample: Sample, rule: Rule, compiled: Compiled) -> Basket:
    ask = Ask(
        store=sample.store,
        currency=compiled.programme.currency,
        lines=_lines(sample.lines),
        occurred_at=sample.at,
        member=MemberKey(card=sample.card) if sample.who == "card" else None,
    )
    basket = basket_of(ask, read_facts(ask, compiled), compiled)
    if sample.who == "new":
        newcomer = _newcomer(compiled.rules.needs, basket)
        basket = msgspec.structs.replace(basket, member=newcomer)
    if sample.with_coupon:
        coupons = basket.coupons | {rule.code}
        basket = msgspec.structs.replace(basket, coupons=coupons)
    return basket


def _lines(lines: Sequence[SampleLine]) -> tuple[AskedLine, ...]:
    skus = [line.sku for line in lines]
    known = dict(Product.objects.filter(sku__in=skus).values_list("sku", "price_minor"))
    priced = [
        (line, known.get(line.sku) if line.price_minor is None else line.price_minor)
        for line in lines[:MOST_LINES]
    ]
    return tuple(
        AskedLine(
            line_no=number,
            sku=line.sku,
            name="",
            quantity_milli=line.quantity_milli,
            unit_price_minor=price or 0,
            gross_minor=(price or 0) * line.quantity_milli // 1000,
        )
        for number, (line, price) in enumerate(priced, start=1)
    )


def _newcomer(needs: Needs, basket: Basket) -> MemberFacts:
    """A member at the first purchase, of whom nothing else is known."""
    return MemberFacts(
        id="sample",
        enrolled_on=basket.at.date(),
        purchases=0,
        windows={key: Window() for key in needs.windows},
        known_categories=frozenset(),
    )


def first_sample(document: Mapping[str, Any], now: datetime) -> Sample:
    """A basket to begin with: goods that the wording names, and one that it does not.

    Three queries at most.
    """
    store = Store.objects.filter(is_active=True).order_by("code").first()
    named = _named(document.get("goods", {}).get("include", {}))
    priced = Product.objects.filter(is_active=True, price_minor__gt=0).order_by("pk")
    mine = list((priced.filter(named) if named else priced)[:1])
    others = list(priced.exclude(pk__in=[one.pk for one in mine])[:1])
    lines = [SampleLine(sku=one.sku, quantity_milli=3000) for one in mine]
    lines += [SampleLine(sku=one.sku) for one in others]
    return Sample(store=store.code if store else "", at=now, lines=lines)


def _named(include: Mapping[str, Any]) -> Q | None:
    """The goods of a selector as the catalogue finds them, as far as it can by itself."""
    columns = {"skus": "sku", "categories": "category__code", "brands": "brand__code"}
    asked = [
        Q(**{f"{column}__in": include[name]})
        for name, column in columns.items()
        if include.get(name)
    ]
    found = None
    for one in asked:
        found = one if found is None else found | one
    return found


__all__ = [
    "MOST_LINES", "Sample", "SampleLine", "Tried", "first_sample", "oddities",
    "rule_to_try", "try_sample",
]  # fmt: skip
