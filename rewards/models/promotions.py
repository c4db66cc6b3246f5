"""Promotions and their immutable versions; the base earning rules are promotions too."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from rewards.models.programmes import Programme

#: States of versions; the first one that a promotion has a version in is its own.
STATES = ("live", "paused", "scheduled", "in_review", "draft", "ended")


class PromotionQuerySet(models.QuerySet["Promotion"]):
    def with_state(self) -> Self:
        """``state`` of the promotion: that of its version which matters most now."""
        versions = PromotionVersion.objects.filter(promotion=OuterRef("pk"))
        cases = [When(Exists(versions.filter(state=one)), then=Value(one)) for one in STATES]
        return self.annotate(state=Case(*cases, default=Value("draft")))

    def named_like(self, text: str) -> Self:
        return self.filter(Q(name__icontains=text) | Q(code__icontains=text))


class Promotion(models.Model):
    """A named offer of a programme. What it does stands in its versions."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="promotions", verbose_name=_("programme")
    )
    code = models.CharField(_("code"), max_length=80)
    name = models.CharField(_("name"), max_length=200)
    #: Counts every change of the promotion and its versions: the ETag of the API.
    revision = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    objects = PromotionQuerySet.as_manager()

    class Meta:
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        constraints = [
            models.UniqueConstraint(name="promotion_code_once", fields=["programme", "code"])
        ]

    def __str__(self) -> str:
        return self.name


class PromotionVersion(models.Model):
    """One immutable wording of a promotion: JSON of the published schema, never edited.

    ``definition`` is validated by ``rewards.rules.definitions``. Only the state, the
    times and the approval move, along the edges that the database allows. Receipts
    pin the versions that priced them.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        IN_REVIEW = "in_review", _("in review")
        SCHEDULED = "scheduled", _("scheduled")
        LIVE = "live", _("live")
        PAUSED = "paused", _("paused")
        ENDED = "ended", _("ended")

    promotion = models.ForeignKey(
        Promotion, on_delete=models.PROTECT, related_name="versions", verbose_name=_("promotion")
    )
    number = models.PositiveIntegerField(_("version"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    priority = models.IntegerField(_("priority"), default=100)
    definition = models.JSONField(_("definition"))
    starts_at = models.DateTimeField(_("starts at"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    created_by = models.CharField(_("created by"), max_length=80)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    approved_by = models.CharField(_("approved by"), max_length=80, blank=True, db_default="")
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("promotion version")
        verbose_name_plural = _("promotion versions")
        constraints = [
            models.UniqueConstraint(name="version_number_once", fields=["promotion", "number"]),
            models.UniqueConstraint(
                name="one_live_version_per_promotion",
                fields=["promotion"],
                condition=Q(state="live"),
            ),
            models.UniqueConstraint(
                name="one_scheduled_version_per_promotion",
                fields=["promotion"],
                condition=Q(state="scheduled"),
            ),
            models.CheckConstraint(
                name="version_state_known",
                condition=Q(
                    state__in=["draft", "in_review", "scheduled", "live", "paused", "ended"]
                ),
            ),
            models.CheckConstraint(
                name="scheduled_version_has_a_start",
                condition=~Q(state="scheduled") | Q(starts_at__isnull=False),
            ),
            models.CheckConstraint(
                name="approved_by_another_person",
                condition=Q(approved_by="", approved_at=None)
                | (~Q(approved_by="") & ~Q(approved_by=F("created_by"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.promotion_id} v{self.number}"

    def state_at(self, moment: datetime) -> str:
        """The state by the clock, which no job needs to have written down yet."""
        state = self.state
        if state == self.State.SCHEDULED and self.starts_at and self.starts_at <= moment:
            state = self.State.LIVE
        if state == self.State.LIVE and self.ends_at and self.ends_at <= moment:
            state = self.State.ENDED
        return state


class StackingGroup(models.Model):
    """How the promotions that name this group go together on one receipt.

    Its mode counts from the next sale on; receipts keep what was decided.
    """

    class Mode(models.TextChoices):
        ALL = "all", _("all of them, each on what the others left")
        FIRST = "first", _("the first one that applies")
        BEST_MEMBER = "best_member", _("the best one for the member")
        BEST_SHOP = "best_shop", _("the cheapest one for the shop")
        MAX_N = "max_n", _("the first few that apply")

    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="groups", verbose_name=_("programme")
    )
    code = models.CharField(_("code"), max_length=80)
    name = models.CharField(_("name"), max_length=200)
    mode = models.CharField(_("mode"), max_length=12, choices=Mode, default=Mode.ALL)
    n = models.PositiveSmallIntegerField(_("at most so many"), default=1)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("stacking group")
        verbose_name_plural = _("stacking groups")
        constraints = [
            models.UniqueConstraint(name="group_code_once", fields=["programme", "code"]),
            models.CheckConstraint(
                name="group_mode_known",
                condition=Q(mode__in=["all", "first", "best_member", "best_shop", "max_n"]),
            ),
            models.CheckConstraint(name="group_counts_from_one", condition=Q(n__gte=1, n__lte=100)),
        ]

    def __str__(self) -> str:
        return self.name
