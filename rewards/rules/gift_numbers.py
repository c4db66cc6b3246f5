"""Numbers and PINs of gift cards: 75 random bits and a check character, easy to read aloud."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from stdnum import luhn

#: No 0, 1, I or O: they are mistaken for each other in print.
ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH: Final = 16
PIN_LENGTH: Final = 6
_GROUP: Final = 4


def clean(text: str) -> str:
    """The number without blanks and dashes, in capital letters."""
    return "".join(text.split()).replace("-", "").upper()


def is_sane(number: str) -> bool:
    """Whether a cleaned number could be ours: the alphabet, the length, the check character."""
    return (
        len(number) == LENGTH
        and all(letter in ALPHABET for letter in number)
        and luhn.is_valid(number, ALPHABET)
    )


def number_of(secret: bytes, seed: str) -> str:
    """The number that belongs to a card: the same at every call, known to the key's owner alone.

    15 characters of HMAC-SHA256, five bits each, and a check character (Luhn mod 32).
    """
    digest = int.from_bytes(_keyed(secret, f"number:{seed}"))
    body = "".join(ALPHABET[(digest >> 5 * place) % 32] for place in range(LENGTH - 1))
    return body + str(luhn.calc_check_digit(body, ALPHABET))


def pin_of(secret: bytes, seed: str) -> str:
    """Six digits; each value is as likely as any other, up to one in 2^230."""
    return f"{int.from_bytes(_keyed(secret, f'pin:{seed}')) % 10**PIN_LENGTH:0{PIN_LENGTH}d}"


def fingerprint(secret: bytes, number: str) -> bytes:
    """What the database keeps instead of a number: found by it, not readable from it."""
    return _keyed(secret, f"lookup:{number}")


def in_groups(number: str) -> str:
    return "-".join(number[at : at + _GROUP] for at in range(0, len(number), _GROUP))


def _keyed(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()
