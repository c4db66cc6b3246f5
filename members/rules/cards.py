"""Card numbers and the life of a card: pure functions of plain values."""

from __future__ import annotations

import calendar
import re
import secrets
from datetime import date
from typing import Final

from stdnum import damm

#: Where a card may go from each state. The database holds the same table (migration 0002).
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "prepared": frozenset({"issued", "active", "closed"}),
    "issued": frozenset({"active", "blocked", "closed"}),
    "active": frozenset({"blocked", "closed"}),
    "blocked": frozenset({"issued", "active", "replaced", "closed"}),
    "replaced": frozenset(),
    "closed": frozenset(),
}
LENGTH: Final = 18
_FOREIGN = re.compile(r"[0-9A-Z][0-9A-Z_]{2,31}")
_SEPARATORS = re.compile(r"[\s\u00a0-]+")


def may_go(status: str, to: str) -> bool:
    return to in TRANSITIONS[status]


def clean_number(text: str) -> str:
    """The number as it is stored: no spaces or dashes, capital letters."""
    return _SEPARATORS.sub("", text).upper()


def check_digit(body: str) -> str:
    """The Damm digit: finds every wrong digit and every swap of neighbours."""
    return damm.calc_check_digit(body)


def is_own(number: str, prefix: str) -> bool:
    """Whether the number looks like one of our series: the prefix, and 18 digits."""
    return (
        len(number) == LENGTH
        and number.isascii()
        and number.isdigit()
        and number.startswith(prefix)
    )


def is_acceptable(number: str, prefix: str) -> bool:
    """Our own numbers need a true check digit; numbers of earlier systems only a sane alphabet."""
    if is_own(number, prefix):
        return damm.is_valid(number)
    return bool(_FOREIGN.fullmatch(number))


def random_number(prefix: str) -> str:
    """A new number of our series: the prefix, random digits, a Damm check digit.

    With the one-digit default prefix 16 digits are random: 10^16 numbers, 53 bits.
    Among a million live cards one guess hits with 10^-10, since a guesser computes
    the check digit too: 1.7 million guesses an hour, the most one server answers,
    find one card in 246 days; a caller held to 30 failures a day, one in 900 000
    years. That is enough for a number that only names a member: a look-up shows
    masked data, and the ledger asks the card's state before it pays. Codes that are
    worth money by themselves need 64 random bits.
    """
    digits = LENGTH - len(prefix) - 1
    body = f"{prefix}{secrets.randbelow(10**digits):0{digits}}"
    return body + check_digit(body)


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last one: 31 January and a month is 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
