"""Long work that reports how far it is and survives the process that does it."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, actor: Actor) -> Self:
        """An integration sees the jobs it started, and no other."""
        return self.filter(created_by=actor.label)


class Job(models.Model):
    """A piece of bulk work. The checkpoint is where a successor takes over."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=60)
    params = models.JSONField(_("parameters"), db_default={}, default=dict)
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=State,
        default=State.QUEUED,
        db_default=State.QUEUED,
    )
    done = models.PositiveBigIntegerField(_("done"), default=0, db_default=0)
    total = models.PositiveBigIntegerField(_("total"), null=True)
    checkpoint = models.JSONField(_("checkpoint"), default=dict, db_default={})
    result = models.JSONField(_("result"), default=dict, db_default={})
    error = models.TextField(_("error"), default="", db_default="")
    #: Counts the workers that took it: who holds an older number has lost the job.
    worker = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_by = models.CharField(_("created by"), max_length=120, default="", db_default="")
    created_at = models.DateTimeField(_("created"), db_default=ClockTimestamp())
    started_at = models.DateTimeField(_("started"), null=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(
                fields=["kind", "id"],
                name="jobs_open",
                condition=Q(state__in=["queued", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
