"""The audit trail: who changed what, and why."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.models.functions import ClockTimestamp


class AuditEntry(models.Model):
    """One change by one actor. Never changed, never deleted: a trigger refuses both."""

    public_id = models.UUIDField(db_default=RandomUUID(), editable=False)
    recorded_at = models.DateTimeField(_("recorded"), db_default=ClockTimestamp())
    actor = models.CharField(_("actor"), max_length=120)
    action = models.CharField(_("action"), max_length=80)
    object_type = models.CharField(_("object type"), max_length=60)
    object_id = models.CharField(_("object"), max_length=80)
    store = models.CharField(_("store"), max_length=40, db_default="")
    reason = models.TextField(_("reason"), db_default="")
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
