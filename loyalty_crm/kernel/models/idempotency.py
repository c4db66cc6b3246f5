"""Answers already given, by the key the caller chose."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from loyalty_crm.kernel.models.functions import ClockTimestamp


class IdempotencyRecord(models.Model):
    """One key of one caller, the fingerprint of its request and the answer to it.

    Written in the transaction of the work by ``kernel.idempotency`` alone; a
    committed row without an answer does not exist.
    """

    pk = models.CompositePrimaryKey("scope", "key")
    scope = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.SmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        # Rows arrive in order of time and leave in it: a few pages of BRIN find the old ones.
        indexes = [BrinIndex(fields=["created_at"], name="idempotency_by_age")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
