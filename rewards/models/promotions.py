"""Promotions and their immutable versions; the base earning rules are promotions too."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from rewards.models.programmes import Programme


class Promotion(models.Model):
    """A named offer of a programme. What it does stands in its versions."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="promotions", verbose_name=_("programme")
    )
    code = models.CharField(_("code"), max_length=80)
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

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

    ``definition`` is validated by ``rewards.rules.definitions``. Only ``state`` and
    the end of its time move. Receipts pin the versions that priced them.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        PAUSED = "paused", _("paused")
        RETIRED = "retired", _("retired")

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
        ]

    def __str__(self) -> str:
        return f"{self.promotion_id} v{self.number}"
