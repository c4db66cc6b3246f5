"""Contests: works that members send in, marks of the jury, and places."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.prizes import PrizeKind, PrizeWin
from rewards.models.programmes import Programme


class Contest(models.Model):
    """A contest by merit: chance decides nothing in it."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        OPEN = "open", _("works are taken")
        JUDGING = "judging", _("works are judged")
        PUBLISHED = "published", _("results published")
        CANCELLED = "cancelled", _("cancelled")

    class Method(models.TextChoices):
        JURY = "jury", _("the average mark of the jury")
        SCORE = "score", _("a score that is entered or sent")

    class Ties(models.TextChoices):
        EARLIER = "earlier", _("the earlier work comes first")
        SHARED = "shared", _("they share the place")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="contests")
    code = models.SlugField(_("code"), max_length=80)
    title = models.CharField(_("title"), max_length=150)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.DRAFT)
    method = models.CharField(_("judged by"), max_length=10, choices=Method, default=Method.JURY)
    ties = models.CharField(_("equal results"), max_length=10, choices=Ties, default=Ties.EARLIER)
    most_mark = models.PositiveSmallIntegerField(_("best mark"), default=10)
    entries_each = models.PositiveSmallIntegerField(_("works of one member at most"), default=1)
    organiser = models.TextField(_("organiser"), max_length=500, blank=True)
    rules = models.TextField(_("rules"), max_length=20_000, blank=True)
    information = models.CharField(
        _("where to learn of the organiser, rules, prizes and dates"), max_length=300, blank=True
    )
    starts_at = models.DateTimeField(_("works from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("works until"), null=True, blank=True)
    results_at = models.DateTimeField(_("day of the results"), null=True, blank=True)
    hand_over_place = models.CharField(_("place of the hand-over"), max_length=300, blank=True)
    hand_over_terms = models.CharField(_("order of the hand-over"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("contest")
        verbose_name_plural = _("contests")
        constraints = [
            models.UniqueConstraint(name="contest_code_once", fields=["programme", "code"]),
            models.CheckConstraint(
                name="open_contest_tells_all",
                condition=Q(state__in=["draft", "cancelled"])
                | (
                    ~Q(organiser="")
                    & ~Q(rules="")
                    & ~Q(information="")
                    & ~Q(hand_over_place="")
                    & ~Q(hand_over_terms="")
                    & Q(starts_at__isnull=False)
                    & Q(ends_at__gt=F("starts_at"))
                    & Q(results_at__gte=F("ends_at"))
                ),
            ),
            models.CheckConstraint(
                name="contest_marks_are_sane",
                condition=Q(most_mark__gte=1, most_mark__lte=100, entries_each__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ContestPrize(models.Model):
    """The prize of one place."""

    contest = models.ForeignKey(Contest, on_delete=models.PROTECT, related_name="prizes")
    place = models.PositiveSmallIntegerField(_("place"), default=1)
    label = models.CharField(_("prize"), max_length=200)
    kind = models.CharField(_("kind"), max_length=20, choices=PrizeKind, default=PrizeKind.OTHER)
    what = models.CharField(_("which one"), max_length=80, blank=True, default="")
    amount = models.PositiveBigIntegerField(_("amount"), default=1)
    value_minor = models.PositiveBigIntegerField(_("value for tax, minor units"), default=0)

    class Meta:
        verbose_name = _("prize of a contest")
        verbose_name_plural = _("prizes of contests")
        ordering = ["contest", "place", "id"]
        constraints = [
            models.UniqueConstraint(name="one_prize_per_place", fields=["contest", "place"]),
            models.CheckConstraint(
                name="contest_prize_exists", condition=Q(place__gte=1) & ~Q(kind="nothing")
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ContestEntry(models.Model):
    """A work. It is judged only after somebody has let it in."""

    class State(models.TextChoices):
        SUBMITTED = "submitted", _("waits for a look")
        ACCEPTED = "accepted", _("takes part")
        REJECTED = "rejected", _("not let in")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    contest = models.ForeignKey(Contest, on_delete=models.PROTECT, related_name="entries")
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="contest_entries")
    title = models.CharField(_("title"), max_length=150)
    body = models.TextField(_("text"), max_length=5_000, blank=True)
    link = models.URLField(_("link"), max_length=500, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.SUBMITTED)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    score = models.IntegerField(_("score"), null=True)
    place = models.PositiveIntegerField(_("place"), null=True)
    #: The average mark in thousandths, or the score: as it was when the results were published.
    result = models.BigIntegerField(_("result"), null=True)
    win = models.OneToOneField(PrizeWin, on_delete=models.PROTECT, null=True, related_name="work")
    source_ref = models.CharField(_("reference"), max_length=120)
    sent_at = models.DateTimeField(_("sent at"), db_default=Now())

    class Meta:
        verbose_name = _("work")
        verbose_name_plural = _("works")
        constraints = [
            models.UniqueConstraint(
                name="one_work_per_reference", fields=["contest", "source_ref"]
            ),
            models.CheckConstraint(
                name="only_works_let_in_are_placed",
                condition=Q(place__isnull=True) | Q(state="accepted"),
            ),
            models.CheckConstraint(
                name="rejected_with_a_reason", condition=~Q(state="rejected") | ~Q(reason="")
            ),
        ]
        indexes = [
            models.Index(fields=["contest", "state", "id"], name="works_of_contest"),
            models.Index(fields=["member", "-id"], name="works_of_member"),
        ]

    def __str__(self) -> str:
        return self.title


class ContestMark(models.Model):
    """What one judge gave one work; each judge may think again until the results are out."""

    entry = models.ForeignKey(ContestEntry, on_delete=models.PROTECT, related_name="marks")
    judge = models.CharField(_("judge"), max_length=80)
    mark = models.PositiveSmallIntegerField(_("mark"))
    note = models.CharField(_("note"), max_length=300, blank=True, default="")
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("mark")
        verbose_name_plural = _("marks")
        constraints = [
            models.UniqueConstraint(name="one_mark_per_judge", fields=["entry", "judge"])
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}: {self.mark}"
