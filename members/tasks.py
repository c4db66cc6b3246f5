"""The work of members by the clock. What is due stands in tables; a repeat finds it done."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from celery.schedules import crontab

from loyalty_crm.kernel import clock
from members.services.card_batches import make_next
from members.services.card_endings import close_ended
from members.services.portal import codes, sessions

CODES_KEPT = timedelta(days=2)
SESSIONS_KEPT = timedelta(days=90)
BATCH = 500


@shared_task(name="members.make_cards")
def make_cards() -> int:
    """Make the numbers of batches that wait, or whose worker died."""
    total = 0
    while count := make_next():
        total += count
    return total


@shared_task(name="members.close_cards")
def close_cards() -> int:
    """Close cards whose last day is over everywhere on earth."""
    today, total = (clock.now() - timedelta(hours=12)).date(), 0
    while count := close_ended(today, BATCH):
        total += count
    return total


@shared_task(name="members.forget_sign_ins")
def forget_sign_ins() -> None:
    codes.forget_old(clock.now() - CODES_KEPT)
    sessions.forget_old(clock.now() - SESSIONS_KEPT)


BEAT_SCHEDULE = {
    "members-make-cards": {
        "task": "members.make_cards",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "members-close-cards": {"task": "members.close_cards", "schedule": crontab(minute="25")},
    "members-forget-sign-ins": {
        "task": "members.forget_sign_ins",
        "schedule": crontab(hour="3", minute="55"),
    },
}
