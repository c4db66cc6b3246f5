"""Beside the ledger: remainders that are carried on, daily totals, and books that did not agree."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.models.functions import ClockTimestamp
from rewards.models.ledger import Wallet
from rewards.models.promotions import PromotionVersion


class EarnCarry(models.Model):
    """The fraction of a point that one rule still owes one wallet.

    ``units`` are raw rule units: money minor units times points, of which
    ``per`` make one point (see ``rewards.rules.earning``). It may be negative
    after a return: then the next purchase earns that much less.
    """

    wallet = models.ForeignKey(Wallet, on_delete=models.DO_NOTHING, related_name="carries")
    version = models.ForeignKey(PromotionVersion, on_delete=models.PROTECT, related_name="+")
    units = models.BigIntegerField(db_default=0)

    class Meta:
        verbose_name = _("carried remainder")
        verbose_name_plural = _("carried remainders")
        constraints = [
            models.UniqueConstraint(
                name="one_carry_per_wallet_and_rule", fields=["wallet", "version"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.units}"


class DailyRollup(models.Model):
    """The programme's side of the books by day: derived from entries, rebuilt at will."""

    day = models.DateField()
    unit = models.CharField(max_length=60)
    kind = models.CharField(max_length=10)
    contra = models.CharField(max_length=12)
    entries = models.BigIntegerField()
    amount = models.BigIntegerField()

    class Meta:
        verbose_name = _("daily roll-up")
        verbose_name_plural = _("daily roll-ups")
        constraints = [
            models.UniqueConstraint(
                name="one_rollup_per_day_and_account", fields=["day", "unit", "kind", "contra"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind}"


class LedgerIncident(models.Model):
    """A wallet whose books did not agree. It was frozen when this was written."""

    wallet = models.ForeignKey(
        Wallet, on_delete=models.DO_NOTHING, null=True, related_name="incidents"
    )
    check_name = models.CharField(_("failed check"), max_length=4)
    detail = models.JSONField(_("what was found"))
    opened_at = models.DateTimeField(_("opened at"), db_default=ClockTimestamp())
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_by = models.CharField(_("closed by"), max_length=80, db_default="")
    resolution = models.CharField(_("what was done"), max_length=300, db_default="")

    class Meta:
        verbose_name = _("ledger incident")
        verbose_name_plural = _("ledger incidents")
        constraints = [
            models.UniqueConstraint(
                name="one_open_incident_per_wallet_and_check",
                fields=["wallet", "check_name"],
                condition=Q(closed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.check_name} {self.wallet_id}"
