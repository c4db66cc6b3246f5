"""Codes by which a reward is fetched: 55 random bits and a check character, said as two groups.

They follow from a secret key and the redemption's id: shown again at any time,
stored nowhere. Guessing is behind a throttle.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from stdnum import luhn

from rewards.rules.gift_numbers import ALPHABET

LENGTH: Final = 12
_GROUP: Final = 4


def code_of(secret: bytes, seed: str) -> str:
    """The code of a redemption, the same at every call."""
    digest = int.from_bytes(_keyed(secret, f"pickup:{seed}"))
    body = "".join(ALPHABET[(digest >> 5 * place) % 32] for place in range(LENGTH - 1))
    return body + str(luhn.calc_check_digit(body, ALPHABET))


def is_sane(code: str) -> bool:
    """Whether a cleaned code could be ours: what is mistyped is not looked up."""
    return (
        len(code) == LENGTH
        and all(letter in ALPHABET for letter in code)
        and luhn.is_valid(code, ALPHABET)
    )


def fingerprint(secret: bytes, code: str) -> bytes:
    """What the database keeps instead of the code."""
    return _keyed(secret, f"pickup-lookup:{code}")


def in_groups(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))


def _keyed(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()
