"""Chance that anybody can check afterwards.

Before the first result the shop publishes the SHA-256 of a secret seed. Results
follow from the seed and a message that the shop cannot choose alone, by
HMAC-SHA256. When the seed is published, everybody computes them again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

#: Numbers are the first 64 bits of each HMAC, the highest byte first.
SPAN = 2**64
_NONCE = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Step(NamedTuple):
    """One HMAC: its counter, its hexadecimal digest, the number, and whether it was taken."""

    counter: int
    digest: str
    number: int
    taken: bool


class Even(NamedTuple):
    """An evenly drawn number from 0 to below the bound, and how it came about."""

    value: int
    steps: tuple[Step, ...]


class Place(NamedTuple):
    """One place of a draw: the number drawn, and the ticket that it means."""

    place: int
    left: int
    value: int
    ticket: int
    first: int
    last: int


def new_seed() -> str:
    """256 bits from the operating system, in hexadecimal."""
    return secrets.token_hex(32)


def commitment(seed: str) -> str:
    """What is published beforehand: the SHA-256 of the seed's bytes, in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON with sorted keys, no spaces and letters as they are: the form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def is_nonce(text: str) -> bool:
    """1 to 64 Latin letters, digits, "-" and "_": nothing that could part a message anew."""
    return _NONCE.fullmatch(text) is not None


def even(seed: str, message: str, below: int) -> Even:
    """A number from 0 to ``below`` - 1, each as likely as the other.

    A number of the last, incomplete round of ``below`` would favour the low
    ones: it is passed over, and the next counter is asked.
    """
    limit = SPAN - SPAN % below
    steps: list[Step] = []
    for counter, digest in enumerate(_digests(seed, message)):
        number = int(digest[:16], 16)
        steps.append(Step(counter, digest, number, number < limit))
        if number < limit:
            return Even(number % below, tuple(steps))
    raise AssertionError("counters never end")


def _digests(seed: str, message: str) -> Iterator[str]:
    key = bytes.fromhex(seed)
    for counter in count():
        yield hmac.new(key, f"{message}:{counter}".encode(), hashlib.sha256).hexdigest()


def pick(weights: Sequence[int], value: int) -> int:
    """Which of the weights, laid end to end, the number falls into."""
    for index, weight in enumerate(weights):
        if value < weight:
            return index
        value -= weight
    raise ValueError("the number lies beyond the weights")


def play_message(period: str, player: str, sequence: int, nonce: str, prize_set: str) -> str:
    return f"{period}:{player}:{sequence}:{nonce}:{prize_set}"


def player_code(context: str, member: str) -> str:
    """The name of a member in one period or draw: the same there, unrelated elsewhere."""
    return fingerprint(f"{context}:{member}")[:16]


def draw_message(draw: str, list_hash: str, beacon: str) -> str:
    return f"{draw}:{list_hash}:{beacon}"


def draw_places(
    *,
    seed: str,
    message: str,
    tickets: int,
    places: int,
    holder_of: Callable[[int], tuple[int, int]],
    once_each: bool = True,
) -> Iterator[Place]:
    """The tickets that win, place by place; fewer places when the participants run out.

    Tickets are numbered from 1. ``holder_of`` tells the first and the last
    ticket of whoever holds a ticket. With ``once_each`` all the tickets of a
    winner leave before the next place is drawn, otherwise only the one that won;
    what is left keeps its order.
    """
    gone: list[tuple[int, int]] = []
    left = tickets
    for place in range(1, places + 1):
        if left <= 0:
            return
        value = even(seed, f"{message}:{place}", left).value
        ticket = _skip(value + 1, gone)
        first, last = holder_of(ticket)
        yield Place(place, left, value, ticket, first, last)
        taken = (first, last) if once_each else (ticket, ticket)
        insort(gone, taken)
        left -= taken[1] - taken[0] + 1


def _skip(ticket: int, gone: Sequence[tuple[int, int]]) -> int:
    """The ticket with this number among those that are left."""
    for first, last in gone:
        if ticket < first:
            break
        ticket += last - first + 1
    return ticket
