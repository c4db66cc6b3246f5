"""Gifts of a quote as a cashier offers them: what there is to choose from, and what has run out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from members.models import Product, StockLevel, Store
from rewards.rules.effects.awards import Gift
from rewards.rules.rule_set import RuleSet
from rewards.services.checkout.award_wire import AwardOut
from rewards.services.checkout.wire import QuoteOut


@dataclass(frozen=True, slots=True)
class ShownOption:
    """One of the gifts. ``left``: pieces in this store, None where they are not counted."""

    sku: str
    name: str
    left: int | None
    is_there: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ShownGift:
    """What one promotion gives. ``pieces`` of the option that is chosen, or the only one."""

    pieces: int
    options: list[ShownOption]

    @property
    def chosen(self) -> ShownOption | None:
        return next((one for one in self.options if one.is_chosen), None)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to choose."""
        return self.chosen is None

    @property
    def is_choice(self) -> bool:
        return len(self.options) > 1


def gifts_of(quote: QuoteOut, rules: RuleSet, store: Store) -> list[ShownGift]:
    """One query when there are gifts, none otherwise."""
    given = [award for award in quote.awards if award.kind == "gift"]
    if not given:
        return []
    offers = [(award, _all_of(award, rules)) for award in given]
    goods = _goods({sku for _, skus in offers for sku in skus}, store)
    return [
        ShownGift(award.amount, [_option(award, sku, goods) for sku in skus])
        for award, skus in offers
    ]


def _all_of(award: AwardOut, rules: RuleSet) -> list[str]:
    """The gifts of the promotion, those that have run out among them."""
    for effect in _gift_effects(award.promotion, rules):
        if set(award.choices) <= set(effect.skus):
            return effect.skus
    return award.choices


def _gift_effects(promotion: str, rules: RuleSet) -> Iterator[Gift]:
    for rule in rules.rules:
        if rule.code == promotion:
            yield from (one for one in rule.definition.effects if isinstance(one, Gift))


def _goods(skus: set[str], store: Store) -> dict[str, tuple[str, int | None]]:
    level = StockLevel.objects.filter(store=store, product=OuterRef("pk"))
    rows = Product.objects.filter(sku__in=skus).values_list(
        "sku", "name", Subquery(level.values("quantity"))
    )
    return {sku: (name, left) for sku, name, left in rows}


def _option(award: AwardOut, sku: str, goods: dict[str, tuple[str, int | None]]) -> ShownOption:
    name, left = goods.get(sku, (sku, None))
    return ShownOption(sku, name or sku, left, sku in award.choices, sku == award.code)
