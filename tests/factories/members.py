"""The smallest true objects of the members app."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import factory

from members.models import (
    Brand,
    Card,
    Category,
    Consent,
    ConsentText,
    Identity,
    Member,
    Product,
    Store,
    Terminal,
)
from members.models.consents import Purpose
from members.rules.cards import check_digit

LONG_AGO = datetime(2024, 1, 1, 12, tzinfo=UTC)


class StoreFactory(factory.django.DjangoModelFactory[Store]):
    class Meta:
        model = Store

    code = factory.Sequence("store-{}".format)
    name = factory.Sequence("Store {}".format)


class TerminalFactory(factory.django.DjangoModelFactory[Terminal]):
    class Meta:
        model = Terminal

    store = factory.SubFactory(StoreFactory)
    code = factory.Sequence("till-{}".format)


class MemberFactory(factory.django.DjangoModelFactory[Member]):
    """A member, known by ``phone`` and ``email`` when they are given (normalised already)."""

    class Meta:
        model = Member
        skip_postgeneration_save = True

    name = factory.Sequence("Member {}".format)
    enrolled_at = LONG_AGO

    @factory.post_generation
    def phone(self: Any, create: bool, extracted: str | None, **kwargs: Any) -> None:
        if create and extracted:
            IdentityFactory(member=self, kind=Identity.Kind.PHONE, value=extracted)

    @factory.post_generation
    def email(self: Any, create: bool, extracted: str | None, **kwargs: Any) -> None:
        if create and extracted:
            IdentityFactory(member=self, kind=Identity.Kind.EMAIL, value=extracted)


class IdentityFactory(factory.django.DjangoModelFactory[Identity]):
    class Meta:
        model = Identity

    member = factory.SubFactory(MemberFactory)
    kind = Identity.Kind.PHONE
    value = factory.Sequence("+7999{:07}".format)


class CardFactory(factory.django.DjangoModelFactory[Card]):
    """An active card of a member, with a true check digit."""

    class Meta:
        model = Card

    member = factory.SubFactory(MemberFactory)
    status = Card.Status.ACTIVE
    issued_at = LONG_AGO
    activated_at = LONG_AGO

    @factory.lazy_attribute
    def reason(self: Any) -> str:
        return "lost" if self.status in ("blocked", "replaced", "closed") else ""

    @factory.sequence
    def number(n: int) -> str:  # noqa: N805 - factory-boy hands over the sequence
        body = f"9{n:016}"
        return body + check_digit(body)


class ConsentTextFactory(factory.django.DjangoModelFactory[ConsentText]):
    class Meta:
        model = ConsentText

    purpose = Purpose.PERSONAL_DATA
    version = factory.Sequence("v{}".format)
    language = "en"
    body = factory.LazyAttribute(lambda text: f"I agree: {text.purpose}, {text.version}.")


class ConsentFactory(factory.django.DjangoModelFactory[Consent]):
    class Meta:
        model = Consent

    member = factory.SubFactory(MemberFactory)
    purpose = Purpose.PERSONAL_DATA
    granted = True
    text = factory.SubFactory(ConsentTextFactory, purpose=factory.SelfAttribute("..purpose"))
    source = "till"
    actor = "system:system"
    occurred_at = LONG_AGO


class CategoryFactory(factory.django.DjangoModelFactory[Category]):
    class Meta:
        model = Category

    code = factory.Sequence("category-{}".format)
    name = factory.Sequence("Category {}".format)


class BrandFactory(factory.django.DjangoModelFactory[Brand]):
    class Meta:
        model = Brand

    code = factory.Sequence("brand-{}".format)
    name = factory.Sequence("Brand {}".format)


class ProductFactory(factory.django.DjangoModelFactory[Product]):
    class Meta:
        model = Product

    sku = factory.Sequence("sku-{}".format)
    name = factory.Sequence("Product {}".format)
    price_minor = 100_00
