"""Points that one member gives to another."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.ledger import LedgerTx
from rewards.models.programmes import Programme


class TransferTerms(models.Model):
    """Whether members may give points away, and how many. Points are in minor units."""

    programme = models.OneToOneField(
        Programme, on_delete=models.PROTECT, related_name="transfer_terms"
    )
    is_on = models.BooleanField(_("members may give points to each other"), default=False)
    least = models.PositiveBigIntegerField(_("fewest points at once"), default=1)
    most_per_day = models.PositiveBigIntegerField(_("most points a day"), default=1_000)
    most_per_month = models.PositiveBigIntegerField(_("most points in 30 days"), default=5_000)
    fee_percent = models.PositiveSmallIntegerField(_("fee, per cent of the points"), default=0)
    quiet_hours = models.PositiveSmallIntegerField(
        _("a code is asked for so many hours after a change of contact"), default=24
    )

    class Meta:
        verbose_name = _("terms of transfers")
        verbose_name_plural = _("terms of transfers")
        constraints = [
            models.CheckConstraint(
                name="transfer_terms_in_bounds",
                condition=Q(least__gte=1, fee_percent__lte=100, quiet_hours__lte=720),
            )
        ]

    def __str__(self) -> str:
        return str(_("terms of transfers")).capitalize()


class PointsTransfer(models.Model):
    """One gift of points. Until its code is typed it moves nothing."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for the code")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")
        REVERSED = "reversed", _("taken back")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="transfers_out", verbose_name=_("from")
    )
    recipient = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="transfers_in", verbose_name=_("to")
    )
    points = models.BigIntegerField(_("points"))
    fee = models.BigIntegerField(_("fee"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State)
    source = models.CharField(max_length=80)
    source_ref = models.CharField(max_length=120)
    code_digest = models.BinaryField(max_length=32, null=True, editable=False)
    code_tries = models.PositiveSmallIntegerField(default=0)
    code_expires_at = models.DateTimeField(null=True)
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")
    reversal_tx = models.ForeignKey(
        LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    done_at = models.DateTimeField(_("done at"), null=True)

    class Meta:
        verbose_name = _("transfer of points")
        verbose_name_plural = _("transfers of points")
        constraints = [
            models.UniqueConstraint(name="transfer_once", fields=["source", "source_ref"]),
            models.CheckConstraint(
                name="transfer_between_two",
                condition=Q(points__gt=0, fee__gte=0) & ~Q(sender=F("recipient")),
            ),
            models.CheckConstraint(
                name="done_transfer_has_moved",
                condition=Q(state__in=["waiting", "cancelled"], tx=None)
                | Q(state="done", tx__isnull=False, reversal_tx=None)
                | Q(state="reversed", tx__isnull=False, reversal_tx__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["sender", "-done_at"], name="transfer_of_sender"),
            models.Index(fields=["recipient", "-id"], name="transfer_of_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.points}"
