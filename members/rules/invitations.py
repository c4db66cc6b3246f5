"""Codes that are typed by hand: no sign that is mistaken for another, 49 random bits."""

from __future__ import annotations

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 10


def draw_invitation() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def clean_invitation(text: str) -> str:
    """As people type it: blanks and dashes do not matter."""
    return "".join(sign for sign in text.upper() if sign.isalnum())
