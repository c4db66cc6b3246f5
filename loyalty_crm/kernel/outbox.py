"""Events: written beside the change they report, delivered after the commit at least once.

A purchase inserts its events inside its own statement::

    INSERT INTO kernel_outboxevent (kind, object_type, object_id, data) SELECT …

Those four columns are enough: every other one has a database default
(``version`` 1, ``public_id`` random, ``created_at`` the wall clock,
``next_attempt_at`` now, ``attempts`` 0, not published, not dead).
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from loyalty_crm.kernel.models import OutboxEvent
from loyalty_crm.kernel.models.functions import ClockTimestamp

logger = logging.getLogger(__name__)

Handler = Callable[[OutboxEvent], None]
_H = TypeVar("_H", bound=Handler)
_handlers: dict[str, list[Handler]] = defaultdict(list)

MAX_ATTEMPTS = 10
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)

_INSERT = """
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, version, data)
    VALUES (%s, %s, %s, %s, %s::jsonb)
"""
_INSERT_MANY = """
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
    SELECT %s, %s, * FROM unnest(%s::text[], %s::jsonb[])
"""


def emit(
    kind: str,
    *,
    object_type: str,
    object_id: str,
    version: int = 1,
    data: dict[str, object] | None = None,
) -> None:
    """Record an event beside the change it reports; a rollback takes both away.

    Keep personal data out of ``data``: it travels to webhooks.
    """
    _refuse_outside()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [kind, object_type, object_id, version, json.dumps(data or {})])


def emit_many(
    kind: str, *, object_type: str, events: Sequence[tuple[str, dict[str, object]]]
) -> None:
    """The same for many objects, each with its data, in one statement."""
    _refuse_outside()
    ids, data = [pk for pk, _ in events], [json.dumps(said) for _, said in events]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_MANY, [kind, object_type, ids, data])


def _refuse_outside() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("emit() belongs inside the transaction of the change it reports")


def subscribe(kind: str) -> Callable[[_H], _H]:
    """Call the function for every event of the kind, ``"*"`` for every event at all.

    It runs in a transaction together with the mark "published", so its own rows
    appear exactly once; what it does outside of the database may happen twice.
    """

    def register(handler: _H) -> _H:
        _handlers[kind].append(handler)
        return handler

    return register


def drain(limit: int = 500) -> int:
    """Deliver up to ``limit`` due events; return how many were tried.

    Any number of processes may drain at once. Events are chosen by state, never
    by "id above the last one": a late committer with a low id is not skipped.
    """
    due = OutboxEvent.objects.filter(
        published_at=None, dead_at=None, next_attempt_at__lte=Now()
    ).order_by("next_attempt_at", "id")
    return sum(_deliver(pk) for pk in list(due.values_list("pk", flat=True)[:limit]))


def _deliver(pk: int) -> bool:
    """One event in one short transaction, so that no handler's locks outlive its event."""
    with transaction.atomic():
        event = (
            OutboxEvent.objects.select_for_update(skip_locked=True)
            .filter(pk=pk, published_at=None, dead_at=None, next_attempt_at__lte=Now())
            .first()
        )
        if event is None:  # another drain has it, or had it
            return False
        try:
            with transaction.atomic():
                _call_handlers(event)
        except Exception as error:
            logger.exception("event %s %s was not delivered", event.pk, event.kind)
            _postpone(event, f"{type(error).__name__}: {error}")
        else:
            OutboxEvent.objects.filter(pk=pk).update(
                published_at=ClockTimestamp(), attempts=F("attempts") + 1
            )
    return True


def _call_handlers(event: OutboxEvent) -> None:
    for handler in [*_handlers[event.kind], *_handlers["*"]]:
        handler(event)


def _postpone(event: OutboxEvent, reason: str) -> None:
    attempts = event.attempts + 1
    pause = min(FIRST_PAUSE * 2**event.attempts, LONGEST_PAUSE)
    OutboxEvent.objects.filter(pk=event.pk).update(
        attempts=attempts,
        next_attempt_at=ClockTimestamp() + pause,
        dead_at=ClockTimestamp() if attempts >= MAX_ATTEMPTS else None,
        last_error=reason.replace("\0", "")[:2000],
    )


def revive(pks: list[int]) -> int:
    """Give dead letters a new set of attempts, starting now."""
    return OutboxEvent.objects.filter(pk__in=pks, dead_at__isnull=False).update(
        dead_at=None, attempts=0, next_attempt_at=ClockTimestamp()
    )


def purge(older_than: datetime) -> int:
    """Forget events that were published before the moment; unpublished ones always stay."""
    return OutboxEvent.objects.filter(published_at__lt=older_than).delete()[0]
