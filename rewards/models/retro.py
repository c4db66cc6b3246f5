"""Retroactive batches: points for receipts of the past, seen and approved before they move."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Member, Receipt
from rewards.models.ledger import LedgerTx
from rewards.models.programmes import Programme


class RetroBatchQuerySet(models.QuerySet["RetroBatch"]):
    def with_jobs(self) -> Self:
        return self.select_related("job", "programme").defer("kept")

    def visible_to(self, actor: Actor) -> Self:
        """Batches are of the whole programme: who may see one may see all."""
        return self if actor.stores is None else self.none()


class RetroBatch(models.Model):
    """What some versions would have granted on past receipts, beyond what the rules of then did.

    First it is counted (nothing moves), then another person approves it, then it
    is applied, and it can be undone as a whole, once. ``job`` is the work that is
    under way, or was the last.
    """

    class State(models.TextChoices):
        COUNTING = "counting", _("is being counted")
        COUNTED = "counted", _("waits for approval")
        APPROVED = "approved", _("approved")
        APPLYING = "applying", _("is being applied")
        APPLIED = "applied", _("applied")
        UNDOING = "undoing", _("is being undone")
        UNDONE = "undone", _("undone")
        CANCELLED = "cancelled", _("cancelled")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(_("reason"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.COUNTING)
    versions = models.JSONField(_("versions to count by"), default=list)
    without = models.JSONField(_("instead of"), default=list)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    stores = models.JSONField(_("stores"), default=list)
    items_count = models.BigIntegerField(_("receipts"), default=0)
    members_count = models.BigIntegerField(_("members"), default=0)
    points_given = models.BigIntegerField(_("points to give"), default=0)
    points_taken = models.BigIntegerField(_("points to take"), default=0)
    expires_at = models.DateTimeField(_("points expire at"), null=True)
    kept = models.BinaryField(null=True, editable=False)
    created_by = models.CharField(_("created by"), max_length=120)
    created_at = models.DateTimeField(_("created at"), db_default=ClockTimestamp())
    approved_by = models.CharField(_("approved by"), max_length=120, blank=True, default="")
    approved_at = models.DateTimeField(_("approved at"), null=True)

    objects = RetroBatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("retroactive batch")
        verbose_name_plural = _("retroactive batches")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="retro_days_in_order", condition=Q(last_day__gte=F("first_day"))
            ),
            models.CheckConstraint(
                name="retro_approved_by_another", condition=~Q(approved_by=F("created_by"))
            ),
            models.CheckConstraint(
                name="retro_moves_after_approval",
                condition=~Q(state__in=["approved", "applying", "applied", "undoing", "undone"])
                | (~Q(approved_by="") & Q(approved_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class RetroItem(models.Model):
    """Points for one receipt. ``moved`` is what the ledger moved: less where a debt ends.

    ``back`` is what undoing moved; both stand with their transactions.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        APPLIED = "applied", _("applied")
        SKIPPED = "skipped", _("left out: the points account is not open")
        FULL = "full", _("left out: a limit of the promotion is reached")
        UNDONE = "undone", _("undone")

    batch = models.ForeignKey(RetroBatch, on_delete=models.PROTECT, related_name="items")
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="+")
    points = models.BigIntegerField(_("points"))
    #: What it takes of counted limits; see ``services.tryout.retro_limits``.
    claims = models.JSONField(default=list, db_default=[], editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PLANNED)
    moved = models.BigIntegerField(_("points moved"), default=0)
    back = models.BigIntegerField(_("points moved back"), default=0)
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")
    undo_tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")

    class Meta:
        verbose_name = _("receipt of a retroactive batch")
        verbose_name_plural = _("receipts of retroactive batches")
        constraints = [
            models.UniqueConstraint(name="retro_item_once", fields=["batch", "receipt"]),
            models.CheckConstraint(name="retro_item_moves_something", condition=~Q(points=0)),
        ]
        indexes = [models.Index(fields=["batch", "state", "id"], name="retro_item_of_state")]

    def __str__(self) -> str:
        return f"{self.receipt_id}: {self.points}"
