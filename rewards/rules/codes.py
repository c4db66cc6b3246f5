"""Coupon codes: an alphabet nobody misreads, drawn without bias, read as people type them."""

from __future__ import annotations

import math
import secrets
import unicodedata

#: Digits and capitals without 0, 1, I, L and O: what is read aloud is written down right.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
#: Value wants 64 random bits: 13 places of 31 signs are 64.4.
SAFE_LENGTH = 13
#: The fewest that a batch of little value may take, behind the throttle: 9 places are 44.6 bits.
LEAST_LENGTH = 9
LONGEST = 40

_BASE = len(ALPHABET)
_FAIR = 256 - 256 % _BASE
# A byte from _FAIR on would make some signs likelier than others: it is thrown away.
_UNFAIR = bytes(range(_FAIR, 256))
_SIGN_OF = bytes(ord(ALPHABET[byte % _BASE]) for byte in range(256))


def random_bits(length: int) -> float:
    """How many bits a guesser has to guess."""
    return length * math.log2(_BASE)


def draw(count: int, *, length: int, prefix: str = "") -> list[str]:
    """So many random codes, all signs equally likely. Two of them may be the same."""
    signs = _signs(count * length)
    return [prefix + signs[at : at + length] for at in range(0, count * length, length)]


def _signs(count: int) -> str:
    found = b""
    while len(found) < count:
        raw = secrets.token_bytes((count - len(found)) * 256 // _FAIR + 64)
        found += raw.translate(_SIGN_OF, _UNFAIR)
    return found[:count].decode("ascii")


def clean_code(text: str) -> str:
    """As a code is stored: capitals, no blanks, no dashes. Empty for what cannot be one."""
    plain = unicodedata.normalize("NFKC", text).upper()
    signs = "".join(sign for sign in plain if not (sign.isspace() or sign in "-\u2010\u2011–—_."))
    return signs if signs.isalnum() and len(signs) <= LONGEST else ""


def shown(code: str) -> str:
    """As it is printed: groups of four."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def masked(code: str) -> str:
    """Enough to recognise a code, too little to use it."""
    return f"••••{code[-4:]}"
