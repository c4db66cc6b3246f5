"""Events that wait beside the change they report."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.models.functions import ClockTimestamp


class OutboxEvent(models.Model):
    """Something that happened, published after the commit at least once.

    Thin on purpose: the object and its version, no personal data. Every other
    column has a database default, so set-based SQL may insert four columns.
    """

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(_("event id"), db_default=RandomUUID(), editable=False)
    kind = models.CharField(_("kind"), max_length=60)
    object_type = models.CharField(_("object type"), max_length=60)
    object_id = models.CharField(_("object"), max_length=80)
    version = models.BigIntegerField(_("version"), default=1, db_default=1)
    data = models.JSONField(_("data"), default=dict, db_default={})
    created_at = models.DateTimeField(_("created"), db_default=ClockTimestamp())
    published_at = models.DateTimeField(_("published"), null=True)
    attempts = models.SmallIntegerField(_("attempts"), default=0, db_default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now())
    dead_at = models.DateTimeField(_("given up"), null=True)
    last_error = models.TextField(_("last error"), default="", db_default="")

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("outbox")
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                name="outbox_due",
                condition=Q(published_at=None, dead_at=None),
            ),
            models.Index(fields=["-id"], name="outbox_dead", condition=Q(dead_at__isnull=False)),
            models.Index(fields=["object_type", "object_id", "-id"], name="outbox_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"
