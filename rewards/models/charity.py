"""Charity: causes, which of them a member chose, what was pledged and what was paid out.

Pledges of sales are awards (``rewards.models.awards``); those that members make
with points stand here. Both are only ever added to.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.programmes import Programme
from rewards.models.translated import Translated

#: In the place of a cause's code: whichever the member has chosen.
CHOSEN = "chosen"


class Cause(Translated):
    """A charity that the shop and its members give to. Promotions know it by its code."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="causes")
    code = models.SlugField(_("code"), max_length=40)
    url = models.URLField(_("web page"), max_length=300, blank=True, default="")
    is_active = models.BooleanField(_("may be chosen"), default=True, db_default=True)
    is_default = models.BooleanField(
        _("for members who chose none"), default=False, db_default=False
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("cause")
        verbose_name_plural = _("causes")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(name="cause_code_once", fields=["programme", "code"]),
            models.UniqueConstraint(
                name="one_default_cause", fields=["programme"], condition=Q(is_default=True)
            ),
            models.CheckConstraint(name="cause_is_not_a_choice", condition=~Q(code=CHOSEN)),
        ]

    def __str__(self) -> str:
        return self.name


class MemberCause(models.Model):
    """The cause that a member has chosen."""

    member = models.OneToOneField(
        Member, on_delete=models.CASCADE, related_name="chosen_cause", verbose_name=_("member")
    )
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+")
    chosen_at = models.DateTimeField(_("chosen at"), db_default=Now())

    class Meta:
        verbose_name = _("cause of a member")
        verbose_name_plural = _("causes of members")

    def __str__(self) -> str:
        return f"{self.member_id}: {self.cause_id}"


class Pledge(models.Model):
    """Points that a member turned into money for a cause; taken back by a row that reverses it."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="pledges")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="pledges", verbose_name=_("member")
    )
    amount_minor = models.BigIntegerField(_("amount"))
    #: Names the redemption behind it.
    source_ref = models.CharField(max_length=120, unique=True)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by"
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("pledge")
        verbose_name_plural = _("pledges")
        constraints = [
            models.CheckConstraint(
                name="pledge_gives_or_takes_back",
                condition=Q(reverses=None, amount_minor__gt=0)
                | Q(reverses__isnull=False, amount_minor__lt=0),
            )
        ]
        indexes = [models.Index(fields=["cause", "occurred_at"], name="pledges_of_cause")]

    def __str__(self) -> str:
        return f"{self.cause_id}: {self.amount_minor}"


class CausePayment(models.Model):
    """Pledged money that was paid to its cause, with the document; a mistake is countered by a row
    that ``reverses`` it."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="payments")
    amount_minor = models.BigIntegerField(_("amount"))
    paid_on = models.DateField(_("paid on"))
    document = models.CharField(_("document"), max_length=120)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by"
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("actor"), max_length=120)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("payment to a cause")
        verbose_name_plural = _("payments to causes")
        constraints = [
            models.CheckConstraint(
                name="payment_pays_or_counters",
                condition=Q(reverses=None, amount_minor__gt=0)
                | Q(reverses__isnull=False, amount_minor__lt=0),
            ),
            models.UniqueConstraint(
                name="document_pays_a_cause_once",
                fields=["cause", "document"],
                condition=Q(reverses=None),
            ),
        ]

    def __str__(self) -> str:
        return self.document
