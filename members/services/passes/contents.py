"""What both wallets show of a card."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from members.models import Card
from members.rules.card_art import Face
from members.services.card_faces import face_of


@dataclass(frozen=True, slots=True)
class PassContents:
    """``serial`` names the card to the wallet and tells nothing about it."""

    serial: str
    number: str
    holder: str
    face: Face
    back: list[tuple[str, str, str]]


def contents_of(card: Card) -> PassContents:
    """Of a card with its member and its type's design fetched."""
    face = face_of(card.type.design if card.type else None)
    texts = [
        ("rules", _("Rules"), face.rules_url),
        ("hotline", _("Hotline"), face.hotline),
        ("company", _("Company"), face.legal_entity),
        ("note", _("Good to know"), face.note),
    ]
    return PassContents(
        serial=_serial(card),
        number=card.number,
        holder=card.member.name if card.member else "",
        face=face,
        back=[one for one in texts if one[2]],
    )


def _serial(card: Card) -> str:
    key = settings.CARD_CODE_KEY.encode()
    return hmac.new(key, f"pass:{card.pk}".encode(), hashlib.sha256).hexdigest()[:32]
