"""The kernel's work by the clock. A message only says "look now"; what is due stands in tables."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task
from celery.schedules import crontab

from loyalty_crm.kernel import idempotency, messaging, outbox, throttle
from loyalty_crm.kernel.clock import now

logger = logging.getLogger(__name__)

BATCH = 500
IDEMPOTENCY_KEPT = timedelta(days=30)
EVENTS_KEPT = timedelta(days=90)
COUNTERS_KEPT = timedelta(days=2)
MESSAGES_KEPT = timedelta(days=30)


@shared_task(name="kernel.drain_outbox")
def drain_outbox() -> int:
    """Deliver due events until none are left; a second one running beside it is harmless."""
    total = 0
    while tried := outbox.drain(limit=BATCH):
        total += tried
    return total


@shared_task(name="kernel.send_messages")
def send_messages() -> int:
    """Send what waits until nothing is left; a second one running beside it is harmless."""
    total = 0
    while tried := messaging.send_due(limit=BATCH):
        total += tried
    return total


@shared_task(name="kernel.purge")
def purge() -> None:
    """Forget old idempotency keys, events long published, and service messages."""
    keys = idempotency.purge(now() - IDEMPOTENCY_KEPT)
    events = outbox.purge(now() - EVENTS_KEPT)
    throttle.purge(now() - COUNTERS_KEPT)
    messaging.purge(now() - MESSAGES_KEPT)
    logger.info("purged %s idempotency keys and %s events", keys, events)


BEAT_SCHEDULE = {
    "kernel-drain-outbox": {
        "task": "kernel.drain_outbox",
        "schedule": timedelta(seconds=5),
        # One that nobody took in time is not worth keeping: the next says the same.
        "options": {"expires": 30},
    },
    "kernel-send-messages": {
        "task": "kernel.send_messages",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "kernel-purge": {"task": "kernel.purge", "schedule": crontab(hour="3", minute="40")},
}
