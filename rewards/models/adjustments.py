"""Corrections by hand that a second person looks at before they move anything."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from rewards.models.ledger import LedgerTx, Wallet
from rewards.models.programmes import Programme


class AdjustmentTerms(models.Model):
    """How many points one person may add or take alone. Points are in minor units."""

    programme = models.OneToOneField(
        Programme, on_delete=models.PROTECT, related_name="adjustment_terms"
    )
    alone_up_to = models.PositiveBigIntegerField(_("most points that one person adjusts alone"))

    class Meta:
        verbose_name = _("terms of adjustments")
        verbose_name_plural = _("terms of adjustments")

    def __str__(self) -> str:
        return str(_("terms of adjustments")).capitalize()


class AdjustmentRequest(models.Model):
    """An adjustment that waits. Who asks never decides: the database sees to it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        APPROVED = "approved", _("booked")
        REJECTED = "rejected", _("rejected")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    wallet = models.ForeignKey(Wallet, on_delete=models.DO_NOTHING, related_name="+")
    points = models.BigIntegerField(_("points"))
    reason = models.CharField(_("reason"), max_length=300)
    reference = models.CharField(max_length=120)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    requested_by = models.CharField(_("asked by"), max_length=80)
    requested_at = models.DateTimeField(_("asked at"), db_default=Now())
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True, default="")
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decision = models.CharField(_("why"), max_length=300, blank=True, default="")
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")

    class Meta:
        verbose_name = _("adjustment that waits")
        verbose_name_plural = _("adjustments that wait")
        constraints = [
            models.UniqueConstraint(
                name="adjustment_asked_once", fields=["requested_by", "reference"]
            ),
            models.CheckConstraint(
                name="who_asks_never_decides", condition=~Q(decided_by=F("requested_by"))
            ),
            models.CheckConstraint(
                name="approved_adjustment_is_booked",
                condition=Q(state="approved", tx__isnull=False)
                | ~Q(state="approved") & Q(tx__isnull=True),
            ),
            models.CheckConstraint(name="adjustment_moves_something", condition=~Q(points=0)),
        ]
        indexes = [
            models.Index(fields=["id"], name="adjustment_waiting", condition=Q(state="waiting"))
        ]

    def __str__(self) -> str:
        return f"{self.points:+}"
