"""What a cashier types or scans, as whole numbers: ``3*MILK``, ``0.456*CHEESE``, ``BAG=2.50``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from loyalty_crm.kernel.money import exponent

ONE = 1000
MOST_MILLI = 99_999 * ONE
MOST_MINOR = 10**9
#: More than any wallet holds (the ledger's own bound): the quote takes what there is.
ALL_POINTS = 10**12
ALL_WORDS = frozenset({"max", "all", "макс", "все", "всё"})

_ENTRY = re.compile(
    r"\s*(?:([\d.,]+)\s*[*×]\s*)?([^\s*×=][^*×=]{0,78}?)\s*(?:=\s*([\d.,\s]+?)\s*)?"
)
_NUMBER = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,4}))?")
_SPACES = re.compile(r"[\s\u00a0\u202f]")


class NotReadable(ValueError):
    """The text is no entry, no quantity or no price."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as it was entered. ``price_minor`` is None unless a price was typed."""

    code: str
    quantity_milli: int
    price_minor: int | None


def read_entry(text: str, currency: str) -> Entry:
    match = _ENTRY.fullmatch(text)
    if not match:
        raise NotReadable(text)
    quantity, code, price = match.groups()
    return Entry(
        code=code.strip(),
        quantity_milli=read_quantity(quantity) if quantity else ONE,
        price_minor=read_money(price, currency) if price else None,
    )


def read_quantity(text: str) -> int:
    """Thousandths; more than none."""
    milli = _scaled(text, 3)
    if not 0 < milli <= MOST_MILLI:
        raise NotReadable(text)
    return milli


def read_money(text: str, currency: str) -> int:
    """Minor units; more decimal places than the currency has are refused, not rounded."""
    minor = _scaled(text, exponent(currency))
    if minor > MOST_MINOR:
        raise NotReadable(text)
    return minor


def read_points(text: str, scale: int) -> int:
    """Points in their smallest unit; nothing means none, "max" as many as may be."""
    word = text.strip().lower()
    if word in ALL_WORDS:
        return ALL_POINTS
    points = _scaled(word, scale) if word else 0
    if points > ALL_POINTS:
        raise NotReadable(text)
    return points


def _scaled(text: str, places: int) -> int:
    match = _NUMBER.fullmatch(_SPACES.sub("", text))
    if not match:
        raise NotReadable(text)
    whole, fraction = match.group(1), (match.group(2) or "").rstrip("0")
    if len(fraction) > places:
        raise NotReadable(text)
    return int(whole + fraction.ljust(places, "0"))


def quantity_text(milli: int) -> str:
    """``3``, ``0.456``: as it may be typed again."""
    return f"{Decimal(milli).scaleb(-3).normalize():f}"


def price_of(quantity_milli: int, unit_price_minor: int) -> int:
    """Quantity times price, half a minor unit up: the sum that stands on the line."""
    return (quantity_milli * unit_price_minor + ONE // 2) // ONE
