"""Exact counters of what may happen only so often, decided by the database in one statement.

They are written outside of any business transaction, so a rollback does not
forget an attempt, and they stand in a table, so a restart does not either.
``guarded`` is for guesses: an attempt is set down before its look-up, and taken
out again when it was right. ``watched`` is for look-ups that are nearly always
right and must be cheap: it writes when one was wrong, and guards as strictly as
``guarded`` from then on. ``refuse_above`` is for the pace of calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import connection

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import TooManyRequests
from loyalty_crm.kernel.models import Throttle

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: Attempts of others that are being looked up are waited for so long: most of them are right.
PATIENCE = 1.0
_PAUSE = 0.02

# Both windows slide: of any minute, and of any day, there are never more than that many moments.
_TAKE = """
INSERT INTO kernel_throttle AS t (bucket, pending)
VALUES (%(bucket)s, array_fill(clock_timestamp(), ARRAY[%(count)s]))
ON CONFLICT (bucket) DO UPDATE SET
    failed = ARRAY(SELECT m FROM unnest(t.failed) AS m
                    WHERE m > clock_timestamp() - interval '1 day'),
    pending = ARRAY(SELECT m FROM unnest(t.pending) AS m
                     WHERE m > clock_timestamp() - interval '1 day')
              || array_fill(clock_timestamp(), ARRAY[%(count)s]),
    touched_at = clock_timestamp()
WHERE (SELECT count(*) FILTER (WHERE m > clock_timestamp() - interval '1 minute') + %(count)s
              <= %(per_minute)s AND count(*) + %(count)s <= %(per_day)s
         FROM unnest(t.failed || t.pending) AS m
        WHERE m > clock_timestamp() - interval '1 day')
RETURNING pending[cardinality(pending)]
"""
_SETTLE = """
UPDATE kernel_throttle SET pending = array_remove(pending, %(at)s),
       failed = failed || array_fill(%(at)s::timestamptz, ARRAY[%(wrong)s])
 WHERE bucket = %(bucket)s
"""
_NOTE = """
INSERT INTO kernel_throttle AS t (bucket, failed)
VALUES (%(bucket)s, array_fill(clock_timestamp(), ARRAY[%(wrong)s]))
ON CONFLICT (bucket) DO UPDATE SET
    failed = ARRAY(SELECT m FROM unnest(t.failed) AS m
                    WHERE m > clock_timestamp() - interval '1 day') || EXCLUDED.failed,
    touched_at = clock_timestamp()
"""
_SEEN = "SELECT failed, pending, clock_timestamp() FROM kernel_throttle WHERE bucket = %s"
# One alert an hour and bucket: an attack is one event, not a thousand.
_ALERT = """
WITH told AS (
    UPDATE kernel_throttle SET alerted_at = clock_timestamp()
     WHERE bucket = %(bucket)s
       AND (alerted_at IS NULL OR alerted_at < clock_timestamp() - interval '1 hour')
    RETURNING bucket
)
INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
SELECT 'security.guessing', 'throttle', bucket,
       jsonb_build_object('per_minute', %(per_minute)s::int, 'per_day', %(per_day)s::int) FROM told
"""
# The moment of the call is the one it was proposed with, the same in all three places.
_HIT = """
INSERT INTO kernel_throttle AS t (bucket, hits) VALUES (%(bucket)s, 1)
ON CONFLICT (bucket) DO UPDATE SET
    hits = CASE WHEN t.began_at <= EXCLUDED.began_at - %(period)s::interval
                THEN 1 ELSE t.hits + 1 END,
    began_at = CASE WHEN t.began_at <= EXCLUDED.began_at - %(period)s::interval
                    THEN EXCLUDED.began_at ELSE t.began_at END,
    touched_at = EXCLUDED.touched_at
WHERE t.began_at <= EXCLUDED.began_at - %(period)s::interval OR t.hits < %(limit)s
RETURNING hits
"""


@dataclass
class Guesses:
    """How many of the attempts of one call were wrong. Nothing said: nothing was looked up."""

    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """So many wrong attempts are let through in any minute and in any day."""

    per_minute: int
    per_day: int

    @classmethod
    def of_codes(cls) -> Bounds:
        return cls(settings.GUESSES_PER_MINUTE, settings.GUESSES_PER_DAY)

    @property
    def windows(self) -> list[tuple[timedelta, int]]:
        return [(MINUTE, self.per_minute), (DAY, self.per_day)]

    def values(self) -> dict[str, int]:
        return {"per_minute": self.per_minute, "per_day": self.per_day}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a counter holds, by the database's clock."""

    now: datetime
    failed: list[datetime] = field(default_factory=list)
    pending: list[datetime] = field(default_factory=list)


@contextmanager
def guarded(
    kind: str, *, actor: Actor, store: str = "", count: int = 1, bounds: Bounds | None = None
) -> Iterator[Guesses]:
    """Let ``count`` look-ups through, or refuse with ``TooManyRequests`` before any is made.

    Per kind, actor and store at most GUESSES_PER_MINUTE wrong ones in any minute
    and GUESSES_PER_DAY in any day, or as many as ``bounds`` say; right ones are not
    counted, and not answered either while it is locked. Set ``wrong`` inside. Belongs
    outside of the transaction of the work. A call that never ends counts as wrong.
    """
    bucket = _bucket(kind, actor, store)
    at = _take(bucket, count, bounds or Bounds.of_codes())
    guesses = Guesses()
    try:
        yield guesses
    finally:
        _execute(_SETTLE, bucket=bucket, at=at, wrong=min(guesses.wrong, count))


@contextmanager
def watched(
    kind: str, *, actor: Actor, store: str = "", bounds: Bounds | None = None
) -> Iterator[Guesses]:
    """``guarded`` for a look-up that a till makes with every sale: one read while all goes well.

    After a minute without a wrong one nothing is set down beforehand. Whoever guesses
    many at once then has as many tries as run at the same moment; every wrong one is
    counted, the limits of the day included, and those above a limit hear nothing else
    than ``TooManyRequests``.
    """
    bounds = bounds or Bounds.of_codes()
    bucket = _bucket(kind, actor, store)
    if not _is_calm(_seen(bucket), bounds):
        with guarded(kind, actor=actor, store=store, bounds=bounds) as guesses:
            yield guesses
        return
    guesses = Guesses()
    try:
        yield guesses
    finally:
        if guesses.wrong:
            _note(bucket, guesses.wrong, bounds)


def is_locked(kind: str, *, actor: Actor, store: str = "", bounds: Bounds | None = None) -> bool:
    """Whether wrong attempts fill a window already. One read."""
    return _is_full(_seen(_bucket(kind, actor, store)), 1, bounds or Bounds.of_codes())


def refuse_above(bucket: str, *, limit: int, period: timedelta = timedelta(seconds=1)) -> None:
    """Count one call; ``TooManyRequests`` for the one above ``limit`` in a period.

    A period begins with its first call. A limit of 0 counts nothing.
    """
    if limit and _execute(_HIT, bucket=bucket, limit=limit, period=period) is None:
        raise TooManyRequests(
            retry_after=max(1, int(period.total_seconds())), limit=limit, remaining=0
        )


def purge(older_than: datetime) -> int:
    """Forget counters that nobody has touched since the moment."""
    return Throttle.objects.filter(touched_at__lt=older_than).delete()[0]


def _bucket(kind: str, actor: Actor, store: str) -> str:
    return f"{kind}:{actor.label}:{store}"


def _is_calm(seen: _Seen, bounds: Bounds) -> bool:
    """Nothing wrong in the last minute, and the day has not been used up."""
    disquiet = [*seen.failed, *seen.pending]
    return not _within(disquiet, seen.now, MINUTE) and not _is_full(seen, 1, bounds)


def _note(bucket: str, wrong: int, bounds: Bounds) -> None:
    """Count what was wrong; above a limit the refusal takes the place of the answer."""
    _execute(_NOTE, bucket=bucket, wrong=wrong)
    if _is_full(seen := _seen(bucket), 0, bounds):
        _refuse(bucket, seen, 1, bounds)


def _refuse(bucket: str, seen: _Seen, count: int, bounds: Bounds) -> NoReturn:
    _execute(_ALERT, bucket=bucket, **bounds.values())
    raise TooManyRequests(
        retry_after=_seconds(seen, count, bounds), limit=bounds.per_minute, remaining=0
    )


def _take(bucket: str, count: int, bounds: Bounds) -> datetime:
    """Set the attempts down; the moment that stands for them."""
    deadline = time.monotonic() + PATIENCE
    while True:
        if count <= bounds.per_minute:
            taken: datetime | None = _execute(_TAKE, bucket=bucket, count=count, **bounds.values())
            if taken is not None:
                return taken
        seen = _seen(bucket)
        if time.monotonic() > deadline or _is_full(seen, count, bounds):
            _refuse(bucket, seen, count, bounds)
        time.sleep(_PAUSE)


def _seen(bucket: str) -> _Seen:
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [bucket])
        row = cursor.fetchone()
    return _Seen(now=row[2], failed=row[0], pending=row[1]) if row else _Seen(clock.now())


def _is_full(seen: _Seen, count: int, bounds: Bounds) -> bool:
    """Whether wrong attempts alone leave no room for more: then there is nothing to wait for."""
    return any(
        _within(seen.failed, seen.now, window) + count > most for window, most in bounds.windows
    )


def _within(moments: list[datetime], now: datetime, window: timedelta) -> int:
    return sum(moment > now - window for moment in moments)


def _seconds(seen: _Seen, count: int, bounds: Bounds) -> int:
    """Until enough attempts have left both windows."""
    waits = [1]
    known = sorted([*seen.failed, *seen.pending])
    for window, most in bounds.windows:
        inside = [moment for moment in known if moment > seen.now - window]
        if (over := len(inside) + count - most) > 0 and over <= len(inside):
            waits.append(int((inside[over - 1] + window - seen.now).total_seconds()) + 1)
    return max(waits)


def _execute(statement: str, **values: Any) -> datetime | None:
    """The first column of the row that came back; None when there was none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None
