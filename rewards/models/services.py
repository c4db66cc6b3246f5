"""Services as a benefit: who may have how many of them in a period, and each one that was used."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Member, Store
from rewards.models.programmes import Programme
from rewards.models.tiers import Tier
from rewards.models.translated import Translated


class Service(Translated):
    """Something that is done for a member: an alteration, a delivery, a car wash."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="services")
    code = models.SlugField(_("code"), max_length=40)
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(name="service_code_once", fields=["programme", "code"])
        ]

    def __str__(self) -> str:
        return self.name


class ServiceRule(models.Model):
    """So many of a service in each period, for members from a tier on (no tier: for everybody).

    Of several rules that meet a member the largest count holds, they do not add up.
    """

    class Period(models.TextChoices):
        MONTH = "month", _("a month")
        QUARTER = "quarter", _("a quarter")
        YEAR = "year", _("a year")

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="rules")
    tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("from tier"),
    )
    count = models.PositiveSmallIntegerField(_("how many"))
    period = models.CharField(_("in"), max_length=7, choices=Period, default=Period.YEAR)

    class Meta:
        verbose_name = _("rule of a service")
        verbose_name_plural = _("rules of services")
        constraints = [
            models.UniqueConstraint(
                name="one_service_rule",
                fields=["service", "tier", "period"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="service_rule_counts", condition=Q(count__range=(1, 1_000))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} / {self.period}"


class Entitlement(models.Model):
    """How many of a service a member may have in one period, and how many were used.

    ``source``: ``rule:year`` (opened at the first use of the period), ``hand:…`` or
    ``redemption:…``. Only the trigger of the uses moves ``used``.
    """

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="entitlements")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="entitlements", verbose_name=_("member")
    )
    source = models.CharField(_("source"), max_length=120)
    begins = models.DateField(_("from"))
    #: The first day on which it is over.
    ends = models.DateField(_("until"), null=True)
    granted = models.PositiveIntegerField(_("granted"))
    used = models.PositiveIntegerField(_("used"), db_default=0)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    actor = models.CharField(max_length=120)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("entitlement to a service")
        verbose_name_plural = _("entitlements to services")
        constraints = [
            models.UniqueConstraint(
                name="one_entitlement", fields=["member", "service", "source", "begins"]
            ),
            models.CheckConstraint(
                name="service_never_used_too_often", condition=Q(used__lte=F("granted"))
            ),
            models.CheckConstraint(
                name="entitlement_ends_after_it_begins",
                condition=Q(ends=None) | Q(ends__gt=F("begins")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service_id}: {self.used}/{self.granted}"


class ServiceUse(models.Model):
    """A service was done for a member, or (``of``) a use was taken back. Never changed."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="uses")
    amount = models.SmallIntegerField(_("amount"))
    of = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="undone_by")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(_("reason"), max_length=300)
    source = models.CharField(_("source"), max_length=80)
    source_ref = models.CharField(_("reference"), max_length=120)
    actor = models.CharField(_("actor"), max_length=120)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("use of a service")
        verbose_name_plural = _("uses of services")
        constraints = [
            models.UniqueConstraint(name="service_used_once", fields=["source", "source_ref"]),
            models.CheckConstraint(
                name="service_use_counts_one",
                condition=Q(of=None, amount=1) | Q(of__isnull=False, amount=-1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement_id}: {self.amount:+}"
