"""Action events: what members did besides buying, and what it is worth."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.bonuses import Bonus
from rewards.models.programmes import Programme


class EventKind(models.Model):
    """A kind of action that marketers reward: a review, a survey, a renewed policy."""

    class Once(models.TextChoices):
        EVER = "ever", _("once per member")
        DAY = "day", _("once a day")
        WEEK = "week", _("once a week")
        MONTH = "month", _("once a month")
        YEAR = "year", _("once a year")
        OBJECT = "object", _("once per object (product, order, policy)")
        ALWAYS = "always", _("every time")

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="event_kinds")
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    #: A ``rewards.rules.bonuses.Reward`` as plain values.
    reward = models.JSONField(_("reward"))
    once = models.CharField(_("rewarded"), max_length=10, choices=Once, default=Once.EVER)
    needs_approval = models.BooleanField(_("a person decides on each"), default=False)
    needs_proof = models.BooleanField(_("needs a link or text as proof"), default=False)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("kind of action")
        verbose_name_plural = _("kinds of actions")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(name="event_kind_code_once", fields=["programme", "code"])
        ]

    def __str__(self) -> str:
        return self.name


class ActionEventQuerySet(models.QuerySet["ActionEvent"]):
    def shown(self) -> ActionEventQuerySet:
        """With what a screen or an answer needs, in one query."""
        return self.select_related("kind", "member", "bonus")


class ActionEvent(models.Model):
    """One action of one member as its source told it; a (source, event id) is known once.

    ``slot`` is what the kind's limit counts by (a day, an object, "ever"): the
    database lets one event that waits or was granted stand in it.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waits for a decision")
        GRANTED = "granted", _("rewarded")
        REJECTED = "rejected", _("rejected")
        OVER_LIMIT = "over_limit", _("over the limit")
        REVERSED = "reversed", _("taken back")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    source = models.CharField(_("source"), max_length=80)
    event_id = models.CharField(_("event id"), max_length=120)
    kind = models.ForeignKey(
        EventKind, on_delete=models.PROTECT, related_name="events", verbose_name=_("kind")
    )
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="action_events", verbose_name=_("member")
    )
    object_ref = models.CharField(_("object"), max_length=120, blank=True, default="")
    slot = models.CharField(max_length=140, editable=False)
    proof_url = models.URLField(_("link"), max_length=500, blank=True, default="")
    proof_text = models.TextField(_("text"), blank=True, default="")
    state = models.CharField(_("state"), max_length=12, choices=State)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True, default="")
    decided_at = models.DateTimeField(_("decided at"), null=True)
    bonus = models.OneToOneField(Bonus, on_delete=models.PROTECT, null=True, related_name="event")
    digest = models.BinaryField(max_length=32, editable=False)
    occurred_at = models.DateTimeField(_("happened at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    objects = ActionEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("action")
        verbose_name_plural = _("actions")
        constraints = [
            models.UniqueConstraint(name="action_event_once", fields=["source", "event_id"]),
            models.UniqueConstraint(
                name="one_rewarded_action_per_slot",
                fields=["kind", "member", "slot"],
                condition=Q(state__in=["pending", "granted"]),
            ),
            models.CheckConstraint(
                name="granted_action_has_its_bonus",
                condition=~Q(state="granted") | Q(bonus__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="action_waiting", condition=Q(state="pending")),
            models.Index(fields=["member", "-id"], name="action_of_member"),
            models.Index(fields=["recorded_at"], name="action_recorded"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"
