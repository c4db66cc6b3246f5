"""The shop's own secret behind numbers and PINs."""

from __future__ import annotations

from django.conf import settings


def key() -> bytes:
    return str(settings.GIFT_CARD_KEY).encode()
