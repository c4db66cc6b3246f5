"""Short-lived codes of cards: what a phone shows instead of a number that works for ever.

``MY`` and 28 letters and digits, good for a QR code's small alphabet and for any
scanner: 8 bytes of a keyed hash over when it ends and which card it is, and those
two, hidden by a mask that follows from the hash. Without the key nobody makes one,
and nobody reads the card out of one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

MARK: Final = "MY"
LENGTH: Final = 30
_SEAL = 8


def seal(key: str, card: int, ends_at: int) -> str:
    """The code of a card, by its key in the database, until a moment in Unix seconds."""
    body = ends_at.to_bytes(4, "big") + card.to_bytes(5, "big")
    sign = _hash(key, b"seal", body)[:_SEAL]
    hidden = _xor(body, _hash(key, b"mask", sign))
    return MARK + base64.b32encode(sign + hidden).decode().rstrip("=")


def unseal(key: str, text: str, now: int) -> int | None:
    """The card of a code that still holds; None for everything else."""
    code = text.strip().replace(" ", "").replace("-", "").upper()
    raw = _raw(code)
    if raw is None:
        return None
    sign, hidden = raw[:_SEAL], raw[_SEAL:]
    body = _xor(hidden, _hash(key, b"mask", sign))
    if not hmac.compare_digest(sign, _hash(key, b"seal", body)[:_SEAL]):
        return None
    ends_at = int.from_bytes(body[:4], "big")
    return int.from_bytes(body[4:], "big") if now < ends_at else None


def _raw(code: str) -> bytes | None:
    if len(code) != LENGTH or not code.startswith(MARK):
        return None
    try:
        return base64.b32decode(code[len(MARK) :] + "====")
    except (binascii.Error, ValueError):
        return None


def _hash(key: str, use: bytes, data: bytes) -> bytes:
    return hmac.new(key.encode(), use + b":" + data, hashlib.sha256).digest()


def _xor(data: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(data, mask, strict=False))
