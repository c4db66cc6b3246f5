"""Long walks over receipts as jobs: a span of days, pieces of time, a state to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.errors import NotFound
from loyalty_crm.kernel.problems import fault
from members.models import Store
from rewards.errors import TryoutInvalid
from rewards.models import Programme
from rewards.services.tryout.reading import Span

#: A worker's turn: then another piece of work may have it. The state is written this often.
TURN_SECONDS = 20.0
KEEP_SECONDS = 5.0
MOST_STORES = 1_000

Shape = TypeVar("Shape")
_encode = msgspec.msgpack.Encoder().encode


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Days of the programme's calendar, both included, in some stores or (none named) in all."""

    first_day: date
    last_day: date
    stores: tuple[str, ...] = ()


def check_period(period: Period) -> None:
    if period.last_day < period.first_day:
        raise TryoutInvalid(errors=[fault("/last_day", "before_start")])
    if len(period.stores) > MOST_STORES:
        raise TryoutInvalid(errors=[fault("/stores", "too_many", max=MOST_STORES)])
    known = set(Store.objects.filter(code__in=period.stores).values_list("code", flat=True))
    for place, code in enumerate(period.stores):
        if code not in known:
            raise NotFound(pointer=f"/stores/{place}")


def span_of(programme: Programme, period: Period) -> Span:
    """The moments of the period, up to now at the latest. One query."""
    zone = ZoneInfo(programme.time_zone)
    stores = Store.objects.order_by("pk")
    if period.stores:
        stores = stores.filter(code__in=period.stores)
    return Span(
        begins=_midnight(period.first_day, zone),
        ends=min(_midnight(period.last_day + timedelta(days=1), zone), clock.now()),
        stores=list(stores.values_list("pk", flat=True)),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def packed(state: object) -> bytes:
    return _encode(state)


def unpacked(kept: bytes | memoryview | None, shape: Callable[..., Shape]) -> Shape:
    """The state that was written down, or the one to begin with."""
    if kept is None:
        return shape()
    decoded: Shape = msgspec.msgpack.decode(bytes(kept), type=shape)
    return decoded


class Pace:
    """When to write the state down, and when to let others work."""

    def __init__(self, turn: float = TURN_SECONDS, keep: float = KEEP_SECONDS) -> None:
        self._turn, self._keep = turn, keep
        self._began = self._kept = time.monotonic()

    def is_over(self) -> bool:
        return time.monotonic() - self._began >= self._turn

    def may_keep(self) -> bool:
        """True at most once in a while: a state of a million members is not small."""
        if time.monotonic() - self._kept < self._keep:
            return False
        self._kept = time.monotonic()
        return True


def codes(named: Sequence[str]) -> list[str]:
    """Each once, in one order."""
    return sorted(set(named))
