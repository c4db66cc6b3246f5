"""Cards: the numbers that members show at the till."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models.card_types import CardBatch, CardType
from members.models.people import Member


class Card(models.Model):
    """A card number, and where it stands in its life.

    prepared → issued → active → blocked → replaced | closed. Prepared and
    issued cards earn and cannot pay; a blocked card does nothing.
    """

    class Status(models.TextChoices):
        PREPARED = "prepared", _("prepared")
        ISSUED = "issued", _("issued")
        ACTIVE = "active", _("active")
        BLOCKED = "blocked", _("blocked")
        REPLACED = "replaced", _("replaced")
        CLOSED = "closed", _("closed")

    number = models.CharField(_("number"), max_length=32, unique=True)
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cards",
        verbose_name=_("member"),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PREPARED)
    replaced_by = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replaces",
        verbose_name=_("replaced by"),
    )
    type = models.ForeignKey(
        CardType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cards",
        verbose_name=_("type"),
    )
    batch = models.ForeignKey(
        CardBatch,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cards",
        verbose_name=_("batch"),
    )
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    is_virtual = models.BooleanField(_("virtual"), default=False)
    reason = models.CharField(_("reason of the last change"), max_length=200, blank=True)
    issued_at = models.DateTimeField(_("issued at"), null=True, blank=True)
    activated_at = models.DateTimeField(_("activated at"), null=True, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        constraints = [
            models.CheckConstraint(
                name="card_in_use_has_a_member",
                condition=Q(status__in=["prepared", "closed"]) | Q(member__isnull=False),
            ),
            models.CheckConstraint(
                name="replaced_card_names_its_successor",
                condition=Q(status="replaced", replaced_by__isnull=False)
                | (~Q(status="replaced") & Q(replaced_by__isnull=True)),
            ),
            models.CheckConstraint(
                name="stopped_card_says_why",
                condition=~Q(status__in=["blocked", "replaced", "closed"]) | ~Q(reason=""),
            ),
        ]
        indexes = [
            # Handed out and never brought to life: a report, and the first purchase's question.
            models.Index(
                fields=["issued_at", "id"], name="cards_asleep", condition=Q(status="issued")
            ),
            models.Index(
                fields=["valid_until", "id"],
                name="cards_ending",
                condition=Q(status__in=["issued", "active"], valid_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"•••• {self.number[-4:]}"
