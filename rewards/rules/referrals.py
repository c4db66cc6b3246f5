"""Signs that a friend is no friend: pure functions of what is known of both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

CODE_LENGTH: Final = 8
#: Codes of what was seen, as they are stored and shown.
HOUSEHOLD, CARD, DEVICE, PERSON, CHAIN = "household", "card", "device", "person", "chain"
SAME_TILL: Final = "same_till"
#: What one person at one till on one day may be about: a busy day, or a friend of the cashier.
SOFT: Final = frozenset({SAME_TILL})


def is_same_person(one: tuple[str, date | None], other: tuple[str, date | None]) -> bool:
    """The same name and the same birth date, both known."""
    name, born = _plain(one[0]), one[1]
    return bool(name and born) and (name, born) == (_plain(other[0]), other[1])


def _plain(name: str) -> str:
    return " ".join(sorted(name.casefold().split()))


def same_mailbox(ones: Iterable[str], others: Iterable[str]) -> bool:
    """Addresses that end in one mailbox: a part behind a plus sign, dots at Gmail."""
    return bool({mailbox(one) for one in ones} & {mailbox(other) for other in others})


def mailbox(address: str) -> str:
    local, _, domain = address.casefold().rpartition("@")
    local = local.partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"
