"""Gift cards ordered by the hundred, and the terms that hold for all of them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.models.functions import ClockTimestamp
from rewards.models.programmes import Programme


class GiftCardTerms(models.Model):
    """What holds for all gift cards of a programme. No row: nothing is paid out in cash."""

    programme = models.OneToOneField(
        Programme, on_delete=models.PROTECT, related_name="gift_terms", verbose_name=_("programme")
    )
    cash_out_minor = models.PositiveBigIntegerField(
        _("rest that may be paid out in cash, minor units"),
        default=0,
        help_text=_("A card with no more than this on it may be paid out and closed. 0: never."),
    )
    checks_per_minute = models.PositiveSmallIntegerField(
        _("balance checks of one card a minute"), default=10
    )

    class Meta:
        verbose_name = _("terms of gift cards")
        verbose_name_plural = _("terms of gift cards")
        constraints = [
            models.CheckConstraint(
                name="gift_terms_bounded",
                condition=Q(cash_out_minor__lte=10**9, checks_per_minute__gte=1),
            )
        ]

    def __str__(self) -> str:
        return str(self.programme)


class GiftCardBatch(models.Model):
    """Cards that one person orders and another approves; a job makes them.

    ``amount_minor`` above zero is value without a sale: each card is loaded
    with it as it is made. Zero: the cards are printed stock, and worth nothing
    until they are sold.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("waits for approval")
        REFUSED = "refused", _("refused")
        MAKING = "making", _("being made")
        READY = "ready", _("ready")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    reason = models.CharField(_("reason"), max_length=300)
    wanted = models.PositiveIntegerField(_("number of cards"))
    made = models.PositiveIntegerField(_("made"), default=0)
    amount_minor = models.PositiveBigIntegerField(_("amount on each card"), default=0)
    with_pin = models.BooleanField(_("with a PIN"), default=True)
    expires_on = models.DateField(_("usable until"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.REQUESTED)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")
    requested_by = models.CharField(_("asked for by"), max_length=120)
    requested_at = models.DateTimeField(_("asked at"), db_default=ClockTimestamp())
    decided_by = models.CharField(_("decided by"), max_length=120, blank=True, default="")
    decided_at = models.DateTimeField(_("decided at"), null=True)
    passphrase_hash = models.CharField(max_length=200, blank=True, default="", editable=False)
    downloaded_at = models.DateTimeField(_("downloaded at"), null=True)

    class Meta:
        verbose_name = _("batch of gift cards")
        verbose_name_plural = _("batches of gift cards")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="gift_batch_decided_by_another", condition=~Q(decided_by=F("requested_by"))
            ),
            models.CheckConstraint(
                name="gift_batch_made_after_approval",
                condition=Q(state="requested", decided_by="", decided_at__isnull=True, made=0)
                | (~Q(state="requested") & ~Q(decided_by="") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="gift_batch_within_what_was_asked",
                condition=Q(wanted__gte=1, made__lte=F("wanted"), amount_minor__lte=10**9),
            ),
        ]

    def __str__(self) -> str:
        return self.name
