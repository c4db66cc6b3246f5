"""Settlements with partners: a period is counted, approved by another person, and closed."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp
from rewards.models.partners import Partner, PartnerOperation


class Settlement(models.Model):
    """What a partner and the programme owe each other for everything up to a day.

    It takes all operations that no settlement has yet, so a correction of a closed
    period stands in the next one. ``ledger_earned`` and ``ledger_burned`` are the same
    points read from the ledger's entries: an approved settlement equals them.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("waits for approval")
        APPROVED = "approved", _("approved")
        CANCELLED = "cancelled", _("cancelled")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="settlements")
    number = models.PositiveIntegerField(_("number"))
    first_day = models.DateField(_("from"), null=True)
    last_day = models.DateField(_("until"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.DRAFT)
    operations = models.PositiveIntegerField(_("operations"), default=0)
    earned_points = models.BigIntegerField(_("points given"), default=0)
    burned_points = models.BigIntegerField(_("points taken"), default=0)
    earned_due_minor = models.BigIntegerField(_("the partner owes for points given"), default=0)
    burned_due_minor = models.BigIntegerField(_("owed to the partner for points taken"), default=0)
    prepaid_due_minor = models.BigIntegerField(_("of it settled from the prepaid money"), default=0)
    ledger_earned = models.BigIntegerField(_("points given by the ledger"), default=0)
    ledger_burned = models.BigIntegerField(_("points taken by the ledger"), default=0)
    created_by = models.CharField(_("created by"), max_length=120)
    created_at = models.DateTimeField(_("created at"), db_default=ClockTimestamp())
    decided_by = models.CharField(_("decided by"), max_length=120, blank=True, default="")
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="settlement_number_once", fields=["partner", "number"]),
            models.UniqueConstraint(
                name="settlement_day_once",
                fields=["partner", "last_day"],
                condition=~Q(state="cancelled"),
            ),
            models.UniqueConstraint(
                name="one_open_settlement", fields=["partner"], condition=Q(state="draft")
            ),
            models.CheckConstraint(
                name="settlement_approved_by_another",
                condition=~Q(state="approved")
                | (~Q(decided_by="") & ~Q(decided_by=F("created_by"))),
            ),
            models.CheckConstraint(
                name="approved_settlement_ties_out",
                condition=~Q(state="approved")
                | Q(earned_points=F("ledger_earned"), burned_points=F("ledger_burned")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}"

    @property
    def net_minor(self) -> int:
        """Above zero the partner pays it, below it is paid to the partner."""
        return self.earned_due_minor - self.burned_due_minor - self.prepaid_due_minor

    @property
    def difference(self) -> int:
        """Points between the operations and the ledger: zero, or it is not approved."""
        earned = abs(self.earned_points - self.ledger_earned)
        return earned + abs(self.burned_points - self.ledger_burned)


class SettlementLine(models.Model):
    """An operation is in one settlement at most: this row is its place."""

    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="lines")
    operation = models.OneToOneField(
        PartnerOperation, on_delete=models.PROTECT, related_name="settlement_line"
    )

    class Meta:
        verbose_name = _("line of a settlement")
        verbose_name_plural = _("lines of settlements")

    def __str__(self) -> str:
        return f"{self.operation_id}"
