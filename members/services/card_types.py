"""Card types and designs: kept by marketers, with a trace."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.errors import CardTypeInvalid
from members.models import CardDesign, CardType
from members.rules.cards import LENGTH

#: So many random digits stay behind the longest prefix: 10^11 numbers, and few a minute are tried.
LONGEST_PREFIX = 6
LOGO_BYTES, LOGO_SIDE = 2_000_000, 480


@transaction.atomic
def save_type(*, card_type: CardType, actor: Actor) -> CardType:
    """Write a type. The default moves here from another when this one is to be it.

    Its code and its numbers stay as they are once cards were made.
    """
    CardType.objects.select_for_update(no_key=True).filter(pk=card_type.pk).first()
    check_type(card_type)
    if card_type.is_default:
        CardType.objects.exclude(pk=card_type.pk).filter(is_default=True).update(is_default=False)
    card_type.save()
    _trace("card_type.saved", "card_type", card_type.code, _told(card_type), actor)
    return card_type


def check_type(card_type: CardType) -> None:
    """Refuse with ``CardTypeInvalid`` what contradicts itself, or the cards that there are."""
    before = CardType.objects.filter(pk=card_type.pk).first()
    if before and before.cards.exists():
        _refuse_changes(before, card_type)
    prefix = card_type.number_prefix
    if (
        not prefix.isascii()
        or not prefix.isdigit()
        or not prefix.startswith(settings.CARD_PREFIX)
        or len(prefix) > LONGEST_PREFIX
    ):
        raise CardTypeInvalid(
            _("Numbers of our cards begin with %(prefix)s and at most %(most)s digits are fixed")
            % {"prefix": settings.CARD_PREFIX, "most": LONGEST_PREFIX},
            pointer="/number_prefix",
            max=LENGTH,
        )
    if card_type.is_default and not card_type.is_active:
        raise CardTypeInvalid(
            _("New members cannot get a type that is not in use"), pointer="/is_default"
        )
    if card_type.is_active and card_type.design and card_type.design.missing:
        raise CardTypeInvalid(
            _("The design lacks mandatory texts: rules, hotline or company"), pointer="/design"
        )


def _refuse_changes(before: CardType, after: CardType) -> None:
    for name in ("code", "kind", "number_prefix"):
        if getattr(before, name) != getattr(after, name):
            raise CardTypeInvalid(
                _("There are cards of this type already: this stays as it is"), pointer=f"/{name}"
            )


def _told(card_type: CardType) -> dict[str, object]:
    names = ("kind", "activation", "valid_months", "tag_id", "is_default", "is_active")
    return {name: getattr(card_type, name) for name in names}


@transaction.atomic
def save_design(
    *, design: CardDesign, logo: bytes | None = None, without_logo: bool = False, actor: Actor
) -> CardDesign:
    """Write a design. A picture becomes a small PNG of our own: nothing else in it survives."""
    types = CardType.objects.filter(design=design.pk, is_active=True) if design.pk else ()
    if design.missing and types:
        raise CardTypeInvalid(
            _("Cards with this design are in use: rules, hotline and company must stay"),
            pointer=f"/{design.missing[0]}",
        )
    if logo is not None:
        design.logo = clean_logo(logo)
    elif without_logo:
        design.logo = None
    design.updated_at = Now()
    design.save()
    _trace("card_design.saved", "card_design", str(design.pk), {"name": design.name}, actor)
    return design


def clean_logo(data: bytes) -> bytes:
    """The picture drawn anew as a PNG of at most 480 points a side; refused when it is none."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as picture:
            if max(picture.size) > 8000:
                raise CardTypeInvalid(_("The picture is too large"), pointer="/logo")
            small = picture.convert("RGBA")
            small.thumbnail((LOGO_SIDE, LOGO_SIDE))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as broken:
        raise CardTypeInvalid(
            _("This is no picture: take a PNG, JPEG or WebP file"), pointer="/logo"
        ) from broken
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


def _trace(action: str, noun: str, key: str, after: Mapping[str, Any], actor: Actor) -> None:
    audit.record(action=action, object_type=noun, object_id=key, after=dict(after), actor=actor)
