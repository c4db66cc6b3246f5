"""Bonuses: what members get for something else than a purchase. Given once, taken back once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.ledger import LedgerTx
from rewards.models.programmes import Programme


class Bonus(models.Model):
    """One reward of one member for one cause: (source, source_ref) gives once, for ever.

    ``amount`` is in units of the kind: points in minor units, coupons, stamps,
    tickets, plays; 1 for a tag. Rows are written by ``rewards.services.bonuses``.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="bonuses", verbose_name=_("member")
    )
    source = models.CharField(_("cause"), max_length=40)
    source_ref = models.CharField(max_length=80)
    kind = models.CharField(_("kind"), max_length=20)
    code = models.CharField(_("code"), max_length=80, blank=True, default="")
    amount = models.BigIntegerField(_("amount"))
    #: The day in the programme's time zone for which it was given.
    day = models.DateField(_("day"))
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")
    detail = models.JSONField(default=dict, db_default={})
    given_at = models.DateTimeField(_("given at"), db_default=Now())
    taken_back_at = models.DateTimeField(_("taken back at"), null=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("bonus")
        verbose_name_plural = _("bonuses")
        constraints = [
            models.UniqueConstraint(name="bonus_once_per_cause", fields=["source", "source_ref"]),
            models.CheckConstraint(name="bonus_gives_something", condition=Q(amount__gt=0)),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="bonus_of_member"),
            models.Index(fields=["source", "-id"], name="bonus_of_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.amount}"
