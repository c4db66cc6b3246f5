"""From a card in the database to what stands on it."""

from __future__ import annotations

import base64

from django.utils.translation import gettext as _

from members.models import Card, CardDesign
from members.rules.card_art import Face, front_svg


def face_of(design: CardDesign | None) -> Face:
    """The design as plain values; the house's own look when there is none."""
    if design is None:
        return Face(title=_("Member card"))
    logo = base64.b64encode(bytes(design.logo)).decode() if design.logo else ""
    return Face(
        title=design.title,
        subtitle=design.subtitle,
        background=design.background,
        foreground=design.foreground,
        accent=design.accent,
        code=design.code,
        logo=f"data:image/png;base64,{logo}" if logo else "",
        rules_url=design.rules_url,
        hotline=design.hotline,
        legal_entity=design.legal_entity,
        note=design.note,
    )


def face_svg(card: Card, holder: str) -> str:
    """The face of one card, with its type's design fetched, and the end of its number."""
    design = card.type.design if card.type else None
    return front_svg(face_of(design), holder=holder, number=card.number)
