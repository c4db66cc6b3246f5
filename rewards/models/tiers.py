"""Tiers: ladders, the members on them, and why each of them stands there."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.programmes import Programme


class TierStructure(models.Model):
    """A ladder of tiers and the figure that moves members on it. Rules read the primary one."""

    class Metric(models.TextChoices):
        SPEND = "spend", _("money spent, less returns")
        VISITS = "visits", _("number of purchases")
        POINTS = "points", _("points earned, less those taken back")
        CUSTOM = "custom", _("a figure of your own, sent over the API")

    class Rises(models.TextChoices):
        AT_ONCE = "at_once", _("at once")
        NEXT_PERIOD = "next_period", _("when the next period begins")

    class Needs(models.TextChoices):
        ALL = "all", _("the figure and the purchases")
        ANY = "any", _("the figure or the purchases")

    class Window(models.TextChoices):
        ROLLING = "rolling", _("the last days")
        CALENDAR_YEAR = "calendar_year", _("the calendar year")
        ANNIVERSARY = "anniversary", _("the year since the day of enrolment")

    class Landing(models.TextChoices):
        BY_RESULT = "by_result", _("to the tier that the result reaches")
        ONE_STEP = "one_step", _("one tier down")
        LOWEST = "lowest", _("to the lowest tier")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="tier_structures"
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    is_primary = models.BooleanField(_("promotions read this ladder"), default=False)
    metric = models.CharField(_("what counts"), max_length=10, choices=Metric, default=Metric.SPEND)
    window = models.CharField(
        _("counted over"), max_length=15, choices=Window, default=Window.ROLLING
    )
    window_days = models.PositiveIntegerField(_("days that count"), default=365)
    rises = models.CharField(
        _("members rise"), max_length=12, choices=Rises, default=Rises.AT_ONCE, db_default="at_once"
    )
    needs = models.CharField(
        _("a tier with purchases needs"), max_length=3, choices=Needs, default=Needs.ALL,
        db_default="all",
    )  # fmt: skip
    term_days = models.PositiveIntegerField(_("a tier lasts, days"), default=365)
    landing = models.CharField(
        _("who misses the review goes"), max_length=10, choices=Landing, default=Landing.ONE_STEP
    )
    grace_days = models.PositiveSmallIntegerField(_("days of grace"), default=0)

    class Meta:
        verbose_name = _("ladder of tiers")
        verbose_name_plural = _("ladders of tiers")
        constraints = [
            models.UniqueConstraint(name="tier_structure_code_once", fields=["programme", "code"]),
            models.UniqueConstraint(
                name="one_primary_tier_structure",
                fields=["programme"],
                condition=Q(is_primary=True),
            ),
            models.CheckConstraint(
                name="tier_windows_have_days",
                condition=Q(window_days__gt=0, term_days__gt=0, window_days__lte=3_660)
                & Q(term_days__lte=3_660, grace_days__lte=366),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Tier(models.Model):
    """One step: from which figure on, in minor units of money, purchases, or units of points."""

    structure = models.ForeignKey(TierStructure, on_delete=models.PROTECT, related_name="tiers")
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    rank = models.PositiveSmallIntegerField(_("place from below"))
    threshold = models.PositiveBigIntegerField(_("begins at"))
    #: Beside the figure, or in its place (``TierStructure.needs``); null: not asked for.
    visits = models.PositiveIntegerField(_("purchases"), null=True, blank=True)

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        ordering = ["structure", "rank"]
        constraints = [
            models.UniqueConstraint(name="tier_code_once", fields=["structure", "code"]),
            models.UniqueConstraint(name="tier_rank_once", fields=["structure", "rank"]),
            models.UniqueConstraint(name="tier_threshold_once", fields=["structure", "threshold"]),
            models.CheckConstraint(
                name="tier_threshold_bounded", condition=Q(threshold__lte=10**12)
            ),
            models.CheckConstraint(
                name="tier_visits_bounded", condition=Q(visits=None) | Q(visits__range=(1, 10**6))
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TierMembership(models.Model):
    """Where a member stands now. ``valid_until``: before it the tier can't be lost."""

    structure = models.ForeignKey(TierStructure, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="tier_memberships")
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="memberships")
    since = models.DateTimeField(_("since"))
    valid_until = models.DateTimeField(_("safe until"))
    is_granted = models.BooleanField(_("given by hand"), default=False)

    class Meta:
        verbose_name = _("member's tier")
        verbose_name_plural = _("members' tiers")
        constraints = [
            models.UniqueConstraint(name="one_tier_per_ladder", fields=["structure", "member"]),
            models.CheckConstraint(
                name="tier_ends_after_it_begins", condition=Q(valid_until__gt=F("since"))
            ),
        ]
        indexes = [
            models.Index(fields=["structure", "valid_until", "id"], name="tier_review_due"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.tier_id}"


class TierEvaluation(models.Model):
    """Why a member's tier became what it is: the figure, the window, and what was decided."""

    class Cause(models.TextChoices):
        REACHED = "reached", _("reached")
        KEPT = "kept", _("kept at the review")
        DROPPED = "dropped", _("lost at the review")
        GRANTED = "granted", _("given by hand")
        ENDED = "ended", _("taken by hand")
        MERGED = "merged", _("brought by a merge")
        PARTED = "parted", _("a merge was taken back")

    structure = models.ForeignKey(TierStructure, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="tier_evaluations")
    at = models.DateTimeField(_("at"), db_default=Now())
    cause = models.CharField(_("cause"), max_length=10, choices=Cause)
    from_tier = models.ForeignKey(Tier, on_delete=models.PROTECT, null=True, related_name="+")
    to_tier = models.ForeignKey(Tier, on_delete=models.PROTECT, null=True, related_name="+")
    value = models.BigIntegerField(_("figure"), null=True)
    visits = models.BigIntegerField(_("purchases"), null=True)
    window_from = models.DateTimeField(_("counted from"), null=True)
    valid_until = models.DateTimeField(_("safe until"), null=True)
    #: The thresholds by which it was decided: they may change later.
    thresholds = models.JSONField(_("thresholds"), default=dict)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    actor = models.CharField(_("actor"), max_length=80)

    class Meta:
        verbose_name = _("decision about a tier")
        verbose_name_plural = _("decisions about tiers")
        indexes = [
            models.Index(fields=["member", "structure", "-at", "-id"], name="tier_of_then"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.to_tier_id}"


class TierFigure(models.Model):
    """So much of a ladder's own figure: nights stayed, kilometres flown. Never changed.

    A correction is another row with the opposite sign.
    """

    structure = models.ForeignKey(TierStructure, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="tier_figures")
    amount = models.BigIntegerField(_("amount"))
    occurred_at = models.DateTimeField(_("at"))
    source_ref = models.CharField(_("reference"), max_length=120)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    actor = models.CharField(_("actor"), max_length=80)

    class Meta:
        verbose_name = _("figure for a tier")
        verbose_name_plural = _("figures for tiers")
        constraints = [
            models.UniqueConstraint(name="tier_figure_once", fields=["structure", "source_ref"]),
            models.CheckConstraint(
                name="tier_figure_bounded",
                condition=Q(amount__range=(-(10**12), 10**12)) & ~Q(amount=0),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "structure", "occurred_at"], name="tier_figure_of"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} ({self.source_ref})"
