"""Back-tests: what past receipts would have cost and earned under other promotions."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Member
from rewards.models.programmes import Programme


class BackTestQuerySet(models.QuerySet["BackTest"]):
    def with_job(self) -> Self:
        return self.select_related("job", "programme").defer("kept")


class BackTest(models.Model):
    """A comparison of two sets of promotions over the stored receipts of one period.

    ``versions`` are ids of the promotion versions on trial, ``without`` codes of
    promotions that the trial leaves out, ``stores`` codes (none: every store). Its
    state is that of its job. ``kept`` is what a successor of a dead worker goes on from.
    """

    class Baseline(models.TextChoices):
        LIVE = "live", _("what is live now")
        PAST = "past", _("what was live then")
        NONE = "none", _("no promotion at all")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=200, blank=True)
    baseline = models.CharField(_("compared with"), max_length=4, choices=Baseline)
    versions = models.JSONField(_("versions on trial"), default=list)
    without = models.JSONField(_("left out"), default=list)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    stores = models.JSONField(_("stores"), default=list)
    totals = models.JSONField(_("totals"), default=dict)
    kept = models.BinaryField(null=True, editable=False)
    created_by = models.CharField(_("created by"), max_length=120)
    created_at = models.DateTimeField(_("created at"), db_default=ClockTimestamp())

    objects = BackTestQuerySet.as_manager()

    class Meta:
        verbose_name = _("back-test")
        verbose_name_plural = _("back-tests")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="backtest_days_in_order", condition=Q(last_day__gte=models.F("first_day"))
            )
        ]

    def __str__(self) -> str:
        return self.name or str(self.public_id)

    @property
    def is_done(self) -> bool:
        return self.job.state == Job.State.SUCCEEDED

    @property
    def is_open(self) -> bool:
        return self.job.state in (Job.State.QUEUED, Job.State.RUNNING)


class BackTestCell(models.Model):
    """One row of a back-test's table: a day, a store, a segment …, before and after.

    ``turnover_minor`` is what the goods cost the customer without any promotion,
    ``goods_cost_minor`` what they cost the shop as far as that is known. ``gained``
    and ``lost`` count members in the total and in segments, receipts elsewhere;
    members are not counted where that would need a list of them for every row.
    """

    class Dimension(models.TextChoices):
        TOTAL = "total", _("in all")
        DAY = "day", _("day")
        WEEK = "week", _("week")
        STORE = "store", _("store")
        CATEGORY = "category", _("category")
        VISITS = "visits", _("members by purchases")
        SPEND = "spend", _("members by spend")
        PROMOTION = "promotion", _("promotion")

    test = models.ForeignKey(BackTest, on_delete=models.CASCADE, related_name="cells")
    dimension = models.CharField(max_length=10, choices=Dimension)
    place = models.PositiveIntegerField()
    key = models.CharField(max_length=120, blank=True)
    label = models.CharField(max_length=300, blank=True)
    receipts = models.BigIntegerField(default=0)
    members = models.BigIntegerField(null=True)
    turnover_minor = models.BigIntegerField(default=0)
    goods_cost_minor = models.BigIntegerField(default=0)
    points_before = models.BigIntegerField(default=0)
    points_after = models.BigIntegerField(default=0)
    discount_before = models.BigIntegerField(default=0)
    discount_after = models.BigIntegerField(default=0)
    cost_before = models.BigIntegerField(default=0)
    cost_after = models.BigIntegerField(default=0)
    margin_before = models.BigIntegerField(default=0)
    margin_after = models.BigIntegerField(default=0)
    gained = models.BigIntegerField(default=0)
    lost = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("row of a back-test")
        verbose_name_plural = _("rows of back-tests")
        constraints = [
            models.UniqueConstraint(
                name="backtest_cell_once", fields=["test", "dimension", "place"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.key}"


class BackTestMember(models.Model):
    """A member who would have won or lost most. ``value_minor`` is points and money together."""

    test = models.ForeignKey(BackTest, on_delete=models.CASCADE, related_name="members")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    receipts = models.BigIntegerField()
    turnover_minor = models.BigIntegerField()
    points = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    value_minor = models.BigIntegerField()

    class Meta:
        verbose_name = _("winner or loser of a back-test")
        verbose_name_plural = _("winners and losers of back-tests")
        constraints = [
            models.UniqueConstraint(name="backtest_member_once", fields=["test", "member"])
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.value_minor}"
