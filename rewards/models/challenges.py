"""Challenges and streaks with their steps, badges, and rankings of members by cycles."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.programmes import Programme
from rewards.models.rewarding import RewardTerms


class Badge(models.Model):
    """A sign that a member has reached something."""

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="badges")
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    text = models.CharField(_("what it is for"), max_length=300, blank=True, default="")
    icon = models.CharField(_("sign"), max_length=8, default="★")

    class Meta:
        verbose_name = _("badge")
        verbose_name_plural = _("badges")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(name="badge_code_once", fields=["programme", "code"])
        ]

    def __str__(self) -> str:
        return self.name


class ChallengeQuerySet(models.QuerySet["Challenge"]):
    def running(self) -> Self:
        return self.filter(is_active=True)


class Challenge(models.Model):
    """Do something so many times in a window. What counts is read from receipts, less returns.

    A streak counts weeks in a row with a purchase; up to ``grace_weeks`` empty weeks
    in a row do not break it and do not count.
    """

    class Metric(models.TextChoices):
        PURCHASES = "purchases", _("purchases")
        SPEND = "spend", _("money spent, less returns")
        CATEGORIES = "categories", _("different categories bought")
        DAYS = "days", _("days with a purchase")
        STREAK = "streak", _("weeks in a row with a purchase")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="challenges")
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    text = models.CharField(_("what to do"), max_length=300, blank=True, default="")
    metric = models.CharField(_("what counts"), max_length=12, choices=Metric)
    least_minor = models.PositiveBigIntegerField(_("receipts from this sum"), default=0)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    grace_weeks = models.PositiveSmallIntegerField(_("weeks that may be missed"), default=0)
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    objects = ChallengeQuerySet.as_manager()

    class Meta:
        verbose_name = _("challenge")
        verbose_name_plural = _("challenges")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(name="challenge_code_once", fields=["programme", "code"]),
            models.CheckConstraint(
                name="challenge_ends_after_it_starts",
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChallengeStep(RewardTerms):
    """A number to reach, and what reaching it gives."""

    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="steps")
    target = models.PositiveBigIntegerField(_("reached at"))
    badge = models.ForeignKey(
        Badge,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="steps",
        verbose_name=_("badge"),
    )

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["challenge", "target"]
        constraints = [
            models.UniqueConstraint(name="challenge_step_once", fields=["challenge", "target"]),
            models.CheckConstraint(name="challenge_step_above_zero", condition=Q(target__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.target}"


class ChallengeProgress(models.Model):
    """How far a member is: what the receipts say, written down so that lists need not ask them."""

    challenge = models.ForeignKey(
        Challenge, on_delete=models.PROTECT, related_name="progress", db_index=False
    )
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="challenges", db_index=False
    )
    value = models.BigIntegerField(_("reached"), db_default=0)
    updated_at = models.DateTimeField(_("counted at"), db_default=Now())

    class Meta:
        verbose_name = _("progress of a challenge")
        verbose_name_plural = _("progress of challenges")
        constraints = [models.UniqueConstraint(name="one_progress", fields=["member", "challenge"])]
        indexes = [models.Index(fields=["challenge", "-value", "id"], name="progress_best")]

    def __str__(self) -> str:
        return f"{self.value}"


class ChallengeReward(models.Model):
    """A step that a member reached: its reward was given once, and taken back if it was undone."""

    step = models.ForeignKey(ChallengeStep, on_delete=models.PROTECT, related_name="given")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="challenge_rewards", db_index=False
    )
    #: How often the step was reached and lost again: each turn has its own reward.
    turn = models.PositiveSmallIntegerField(default=1)
    reward = models.JSONField(_("reward"), default=dict)
    given_at = models.DateTimeField(_("reached at"))
    undone_at = models.DateTimeField(_("taken back at"), null=True)

    class Meta:
        verbose_name = _("reached step")
        verbose_name_plural = _("reached steps")
        constraints = [
            models.UniqueConstraint(
                name="challenge_reward_once", fields=["member", "step", "turn"]
            ),
            models.UniqueConstraint(
                name="one_standing_challenge_reward",
                fields=["member", "step"],
                condition=Q(undone_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step_id}"


class MemberBadge(models.Model):
    """A badge that a member wears. It goes when what it was given for is undone."""

    badge = models.ForeignKey(Badge, on_delete=models.PROTECT, related_name="worn")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="badges", db_index=False
    )
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("badge of a member")
        verbose_name_plural = _("badges of members")
        constraints = [models.UniqueConstraint(name="badge_worn_once", fields=["member", "badge"])]

    def __str__(self) -> str:
        return f"{self.badge_id}"


class Leaderboard(models.Model):
    """A ranking of members that begins anew each week or month."""

    class Score(models.TextChoices):
        POINTS = "points", _("points earned, less those taken back")
        SPEND = "spend", _("money spent, less returns")
        VISITS = "visits", _("number of purchases")

    class Cycle(models.TextChoices):
        WEEK = "week", _("week")
        MONTH = "month", _("month")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="leaderboards")
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    score = models.CharField(_("what counts"), max_length=10, choices=Score)
    cycle = models.CharField(_("begins anew each"), max_length=10, choices=Cycle)
    places = models.PositiveSmallIntegerField(_("places shown"), default=10)
    freeze_after_hours = models.PositiveSmallIntegerField(
        _("results stand after hours"), default=24
    )
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("leaderboard")
        verbose_name_plural = _("leaderboards")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(name="leaderboard_code_once", fields=["programme", "code"])
        ]

    def __str__(self) -> str:
        return self.name


class LeaderboardCycle(models.Model):
    """One week or month of a ranking. Once frozen nothing in it changes any more."""

    leaderboard = models.ForeignKey(Leaderboard, on_delete=models.PROTECT, related_name="cycles")
    begins_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    frozen_at = models.DateTimeField(_("results stand since"), null=True)

    class Meta:
        verbose_name = _("cycle of a leaderboard")
        verbose_name_plural = _("cycles of leaderboards")
        ordering = ["-begins_on"]
        constraints = [
            models.UniqueConstraint(
                name="leaderboard_cycle_once", fields=["leaderboard", "begins_on"]
            ),
            models.CheckConstraint(
                name="leaderboard_cycle_has_days", condition=Q(ends_on__gte=F("begins_on"))
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_on"], name="cycles_to_freeze", condition=Q(frozen_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.begins_on}"


class LeaderboardScore(models.Model):
    """What a member has in one cycle. ``place`` is written when the cycle is frozen.

    Equal scores share a place and the next one is skipped: 1, 2, 2, 4.
    """

    cycle = models.ForeignKey(
        LeaderboardCycle, on_delete=models.PROTECT, related_name="scores", db_index=False
    )
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="+")
    value = models.BigIntegerField(_("score"), db_default=0)
    place = models.PositiveIntegerField(_("place"), null=True)

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        constraints = [models.UniqueConstraint(name="one_score", fields=["cycle", "member"])]
        indexes = [models.Index(fields=["cycle", "-value", "id"], name="score_best")]

    def __str__(self) -> str:
        return f"{self.value}"


class LeaderboardName(models.Model):
    """A member agreed to be shown in rankings by the first name and one letter."""

    member = models.OneToOneField(
        Member, on_delete=models.DO_NOTHING, primary_key=True, related_name="leaderboard_name"
    )
    since = models.DateTimeField(_("since"), db_default=Now())

    class Meta:
        verbose_name = _("name shown in leaderboards")
        verbose_name_plural = _("names shown in leaderboards")

    def __str__(self) -> str:
        return f"{self.member_id}"
