"""Counters of what may happen only so often."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from loyalty_crm.kernel.models.functions import ClockTimestamp


class Throttle(models.Model):
    """One counter, written by ``kernel.throttle`` alone, outside of any business transaction.

    ``failed`` and ``pending`` are moments of attempts; ``hits`` are calls since
    ``began_at``. Old moments are dropped when the row is touched again.
    """

    bucket = models.CharField(max_length=200, primary_key=True)
    failed = ArrayField(models.DateTimeField(), default=list, db_default=[])
    pending = ArrayField(models.DateTimeField(), default=list, db_default=[])
    hits = models.PositiveIntegerField(db_default=0)
    began_at = models.DateTimeField(db_default=ClockTimestamp())
    touched_at = models.DateTimeField(db_default=ClockTimestamp(), db_index=True)
    alerted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.bucket
