"""What the doors of the catalogue share: names on the wire turned into rows, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.shapes import MoneyBody
from loyalty_crm.kernel.errors import ForbiddenStore, NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member, Product, Store
from rewards.api.catalogue_shapes import CatalogueRewardBody, WordsBody
from rewards.errors import CurrencyMismatch
from rewards.models import Cause, Programme, Promotion, Service, Tier
from rewards.services.catalogue import RewardTerms


def member_with(public_id: UUID, actor: Actor) -> Member:
    if (found := Member.objects.visible_to(actor).filter(public_id=public_id).first()) is None:
        raise NotFound
    return found


def store_with(code: str | None, actor: Actor) -> Store | None:
    """A store that the caller named of its own accord."""
    if code is None:
        return None
    if (store := Store.objects.filter(code=code, is_active=True).first()) is None:
        raise ValidationFailed(errors=[fault("/store", "unknown", _("There is no such store"))])
    if not actor.may_use_store(code):
        raise ForbiddenStore(pointer="/store")
    return store


def minor(money: MoneyBody | None, currency: str, pointer: str) -> int:
    if money is None:
        return 0
    if money.currency != currency:
        raise CurrencyMismatch(pointer=f"{pointer}/currency", expected=currency)
    if money.amount < 0:
        raise ValidationFailed(pointer=f"{pointer}/amount")
    return money.amount


def words_of(told: Mapping[Any, WordsBody]) -> dict[str, dict[str, str]]:
    return {language: msgspec.structs.asdict(words) for language, words in told.items()}


def tier_of(code: str | None, structure: str | None, programme: Programme) -> Tier | None:
    """By its code, on the ladder that is named, or on the primary one."""
    if code is None:
        return None
    tiers = Tier.objects.filter(structure__programme=programme, code=code)
    named = {"structure__code": structure} if structure else {"structure__is_primary": True}
    found: Tier = _one(tiers.filter(**named), "/min_tier")
    return found


def reward_terms(asked: CatalogueRewardBody, programme: Programme) -> RewardTerms:
    """A reward as it stands on the wire, its names looked up."""
    currency = programme.currency
    given = {name: getattr(asked, name) for name in RewardTerms.__slots__ if hasattr(asked, name)}
    causes = Cause.objects.filter(programme=programme, code=asked.cause)
    promotions = Promotion.objects.filter(programme=programme, code=asked.promotion)
    services = Service.objects.filter(programme=programme, code=asked.service)
    products = Product.objects.filter(sku=asked.product)
    found: dict[str, Any] = {
        "translations": words_of(asked.translations),
        "price_money_minor": minor(asked.price_money, currency, "/price_money"),
        "value_minor": minor(asked.value, currency, "/value") or None,
        "promotion": _named(asked.promotion, promotions, "/promotion"),
        "product": _named(asked.product, products, "/product"),
        "service": _named(asked.service, services, "/service"),
        "cause": _named(asked.cause, causes, "/cause"),
        "min_tier": tier_of(asked.min_tier, asked.tier_structure, programme),
        "stores": _known_stores(asked.stores),
    }
    return RewardTerms(**{**given, **found})


def _known_stores(codes: list[str]) -> list[str]:
    known = set(Store.objects.filter(code__in=codes).values_list("code", flat=True))
    if unknown := [code for code in codes if code not in known]:
        raise ValidationFailed(
            errors=[fault("/stores", "unknown", _("There is no such store"), stores=unknown)]
        )
    return codes


def _named(name: str | None, rows: QuerySet[Any], pointer: str) -> Any:
    return None if name is None else _one(rows, pointer)


def _one(rows: QuerySet[Any], pointer: str) -> Any:
    found: Model | None = rows.first()
    if found is None:
        text = _("There is nothing of this name")
        raise ValidationFailed(errors=[fault(pointer, "unknown", text)])
    return found
