"""Counted limits: how far each is used, by whom it is held, and every move that made it so."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Receipt
from rewards.models.promotions import Promotion, PromotionVersion


class LimitCounter(models.Model):
    """How much of one limit is used and held, for one holder and one period.

    ``holder`` is the wallet of a limit per member, the store of one per store, else 0.
    ``key`` names the day, week, month, quarter or year of the store's calendar. ``most``
    is the limit of the version that counted last; ``over`` is what had to be accepted
    beyond it (receipts that were printed on the word of an older quote, merged members).
    Nothing else may pass ``most``: the database refuses it, whoever writes.
    """

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="counters")
    per = models.CharField(max_length=12)
    what = models.CharField(max_length=6)
    holder = models.BigIntegerField(db_default=0)
    key = models.CharField(max_length=10, db_default="")
    used = models.BigIntegerField(_("used"), db_default=0)
    held = models.BigIntegerField(_("held"), db_default=0)
    most = models.BigIntegerField(_("limit"))
    over = models.BigIntegerField(_("accepted beyond the limit"), db_default=0)
    #: The counter of the wallet that took this member's over.
    moved_to = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("limit counter")
        verbose_name_plural = _("limit counters")
        constraints = [
            models.UniqueConstraint(
                name="one_counter_per_holder_and_period",
                fields=["holder", "per", "key", "promotion", "what"],
            ),
            models.CheckConstraint(
                name="limit_never_exceeded",
                condition=Q(used__gte=0, held__gte=0, over__gte=0)
                & Q(used__lte=F("most") + F("over") - F("held")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.per} {self.key}"


class LimitHold(models.Model):
    """Room that a quote keeps for its sale until ``expires_at``; ended once, by ``outcome``.

    Its public id is that of the hold of points, when the quote holds points as well.
    """

    class Outcome(models.TextChoices):
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    owner = models.CharField(max_length=80)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    expires_at = models.DateTimeField(_("expires at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, db_default="")

    class Meta:
        verbose_name = _("hold of limits")
        verbose_name_plural = _("holds of limits")
        constraints = [
            models.CheckConstraint(
                name="limit_hold_ends_with_an_outcome",
                condition=Q(ended_at__isnull=True, outcome="")
                | (Q(ended_at__isnull=False) & ~Q(outcome="")),
            )
        ]
        indexes = [
            models.Index(
                name="open_limit_holds", fields=["expires_at"], condition=Q(ended_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class LimitUse(models.Model):
    """One move of one counter, never changed: the sum of all of them is the counter.

    ``returns`` says whether a full return of the receipt gives the use back.
    """

    class Kind(models.TextChoices):
        USE = "use", _("used by a sale")
        OVER = "over", _("used beyond the limit")
        RELEASE = "release", _("given back by a return")
        HOLD = "hold", _("held by a quote")
        FREE = "free", _("no longer held")
        MERGE = "merge", _("moved by a merge")

    counter = models.ForeignKey(LimitCounter, on_delete=models.PROTECT, related_name="moves")
    version = models.ForeignKey(
        PromotionVersion, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, null=True, related_name="+")
    hold = models.ForeignKey(
        LimitHold, on_delete=models.PROTECT, null=True, db_index=False, related_name="moves"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    used = models.BigIntegerField(db_default=0)
    held = models.BigIntegerField(db_default=0)
    returns = models.BooleanField(db_default=True)
    recorded_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("use of a limit")
        verbose_name_plural = _("uses of limits")
        constraints = [
            models.CheckConstraint(name="a_use_moves_something", condition=~Q(used=0) | ~Q(held=0))
        ]
        indexes = [
            models.Index(
                name="moves_of_limit_holds", fields=["hold"], condition=Q(hold__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.used}"


class LimitAlert(models.Model):
    """A share of a budget that was reached: told once."""

    counter = models.ForeignKey(LimitCounter, on_delete=models.PROTECT, related_name="alerts")
    percent = models.PositiveSmallIntegerField(_("percent"))
    used = models.BigIntegerField(_("used"))
    most = models.BigIntegerField(_("limit"))
    reached_at = models.DateTimeField(_("reached at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("budget alert")
        verbose_name_plural = _("budget alerts")
        constraints = [
            models.UniqueConstraint(name="a_threshold_is_told_once", fields=["counter", "percent"])
        ]

    def __str__(self) -> str:
        return f"{self.percent} %"
