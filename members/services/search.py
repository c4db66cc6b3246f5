"""Finding members: by what they show at the till, or by a part of their name."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from members.models import Brand, Card, Category, Identity, Member, Product
from members.rules.cards import clean_number
from members.rules.identities import clean_name, normal_email, normal_phone, spellings
from members.services.card_codes import shown_number

#: So many members are ranked; a search that fits more of them needs more letters anyway.
CANDIDATES = 300


def lookup_member(*, kind: str, value: str, system: str = "") -> Member | None:
    """The one member whom a card, phone, e-mail or external id names, by one index read.

    ``kind`` is "card", "phone", "email" or "external". A card that was replaced or
    closed still names its member; the card's own state tells what it may do.
    """
    if kind == "card":
        return Member.objects.filter(cards__number=clean_number(shown_number(value))).first()
    known = _writing(kind, value)
    found = Member.objects.filter(
        identities__kind=kind, identities__system=system, identities__value=known
    )
    return found.first() if known else None


def _writing(kind: str, value: str) -> str | None:
    """The one writing in which the value is stored, if it is one of its kind."""
    match kind:
        case Identity.Kind.PHONE:
            return normal_phone(value, settings.PHONE_REGION)
        case Identity.Kind.EMAIL:
            return normal_email(value)
    return value.strip()


def find_members(text: str, limit: int = 20) -> QuerySet[Member]:
    """Members whom the text may mean, the surest first: card, phone or e-mail, then names.

    Every word must be a part of the name; a word of one or two letters must begin
    a word of it. Each branch is an index read: at most CANDIDATES rows are ranked,
    whatever the number of members.
    """
    text = clean_name(text)
    if not text:
        return Member.objects.none()
    exact = [*_by_card(text), *_by_identity(text)]
    branches = [*exact, *_by_name(text)]
    if not branches:
        return Member.objects.none()
    candidates = branches[0].union(*branches[1:], all=True) if branches[1:] else branches[0]
    found = Member.objects.filter(pk__in=candidates)
    return found.annotate(rank=_rank(text)).order_by("rank", "name", "id")[:limit]


def _by_card(text: str) -> list[QuerySet[Any, Any]]:
    number = clean_number(text)
    if not any(sign.isdigit() for sign in number):
        return []
    cards = Card.objects.filter(number=number, member__isnull=False).order_by()
    return [cards.values("member_id")]


def _by_identity(text: str) -> list[QuerySet[Any, Any]]:
    known = {
        Identity.Kind.PHONE: normal_phone(text, settings.PHONE_REGION),
        Identity.Kind.EMAIL: normal_email(text),
    }
    return [
        Identity.objects.filter(kind=kind, system="", value=value).order_by().values("member_id")
        for kind, value in known.items()
        if value
    ]


def _by_name(text: str) -> list[QuerySet[Any, Any]]:
    """None for a text without letters: no name has digits only, and the plan stays small."""
    if not any(sign.isalpha() for sign in text) or "@" in text:
        return []
    named = Member.objects.all()
    for word in text.split():
        named = named.filter(_has(word))
    return [named.order_by().values("pk")[:CANDIDATES]]


def _has(word: str) -> Q:
    """``icontains`` and ``istartswith`` compare UPPER(name), which is what the index holds."""
    wanted = Q()
    for spelling in spellings(word):
        if len(word) > 2:
            wanted |= Q(name__icontains=spelling)
        else:
            wanted |= Q(name__istartswith=spelling) | Q(name__icontains=f" {spelling}")
    return wanted


def _rank(text: str) -> Case:
    """0 the whole name, 1 the name begins so, 2 a word of it does, 3 anything else."""
    first = text.split()[0]
    return Case(
        When(name__iexact=text, then=Value(0)),
        When(name__istartswith=first, then=Value(1)),
        When(name__icontains=f" {first}", then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )


def find_products(text: str, limit: int = 50) -> QuerySet[Product]:
    """Products that the text may mean: a SKU or barcode, words of the name, a brand or category.

    Exact codes come first. Each branch is an index read; brands and categories are few.
    """
    text = clean_name(text)
    if not text:
        return Product.objects.none()
    named = Product.objects.all()
    for word in text.split():
        named = named.filter(name__icontains=word)
    by_code = Product.objects.filter(sku=text), Product.objects.filter(barcode=text)
    by_group = (
        Product.objects.filter(brand__in=Brand.objects.filter(name__icontains=text)),
        Product.objects.filter(category__in=Category.objects.filter(name__icontains=text)),
    )
    several = [rows.order_by().values("pk")[:CANDIDATES] for rows in (*by_code, named, *by_group)]
    found = Product.objects.filter(pk__in=several[0].union(*several[1:], all=True))
    exact = Case(When(Q(sku=text) | Q(barcode=text), then=Value(0)), default=Value(1))
    return found.order_by(exact, "name", "id")[:limit]
