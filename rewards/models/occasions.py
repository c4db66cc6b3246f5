"""Occasions: gifts for joining, for birthdays and for the day of joining."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rewards.models.programmes import Programme


class Occasion(models.Model):
    """One gift by the calendar of each member. Whom it was given, the bonuses know."""

    class Kind(models.TextChoices):
        WELCOME = "welcome", _("welcome")
        BIRTHDAY = "birthday", _("birthday")
        ANNIVERSARY = "anniversary", _("anniversary of joining")

    class Leap(models.TextChoices):
        EARLIER = "earlier", _("28 February")
        LATER = "later", _("1 March")

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="occasions")
    kind = models.CharField(_("occasion"), max_length=12, choices=Kind)
    is_active = models.BooleanField(_("active"), default=False)
    #: A ``rewards.rules.bonuses.Reward`` as plain values.
    reward = models.JSONField(_("reward"))
    days_before = models.PositiveSmallIntegerField(_("given so many days before"), default=0)
    days_after = models.PositiveSmallIntegerField(
        _("and until so many days after"),
        default=0,
        help_text=_("For those who tell their birthday a little late."),
    )
    leap = models.CharField(
        _("29 February in other years"), max_length=8, choices=Leap, default=Leap.EARLIER
    )
    #: The last day that was looked at, by the programme's clock: later days are caught up.
    done_until = models.DateField(_("done until"), null=True, editable=False)

    class Meta:
        verbose_name = _("occasion")
        verbose_name_plural = _("occasions")
        constraints = [
            models.UniqueConstraint(name="one_gift_per_occasion", fields=["programme", "kind"]),
            models.CheckConstraint(
                name="occasion_window_is_short",
                condition=Q(days_before__lte=31, days_after__lte=31),
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())
