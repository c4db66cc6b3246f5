"""Messages that the house owes somebody: codes, receipts, warnings."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp


class Message(models.Model):
    """One service message to one address. What advertises is built on top of it by campaigns.

    ``suppressed`` was written and never sent, on purpose: asking for a code costs
    the same whether anybody is known by the address or not.
    """

    class Channel(models.TextChoices):
        SMS = "sms", _("SMS")
        EMAIL = "email", _("e-mail")

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("given up")
        SUPPRESSED = "suppressed", _("not sent on purpose")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=60)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    address = models.CharField(_("to"), max_length=254)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"))
    language = models.CharField(_("language"), max_length=8)
    #: Holds a code: the text is forgotten as soon as somebody else has taken it over.
    is_secret = models.BooleanField(_("holds a code"), default=False, db_default=False)
    #: Whom it is about, by the id that is known outside; empty when nobody is known.
    about = models.CharField(_("about"), max_length=80, blank=True, default="", db_default="")
    provider = models.CharField(_("sent by"), max_length=40)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.QUEUED, db_default=State.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now())
    #: After this moment it would only confuse.
    expires_at = models.DateTimeField(_("of use until"), null=True)
    last_error = models.CharField(_("last error"), max_length=300, default="", db_default="")
    created_at = models.DateTimeField(_("created"), db_default=ClockTimestamp())
    sent_at = models.DateTimeField(_("sent at"), null=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.CheckConstraint(
                name="sent_message_has_its_moment",
                condition=Q(state="sent", sent_at__isnull=False)
                | ~Q(state="sent") & Q(sent_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                name="messages_due",
                condition=Q(state="queued"),
            ),
            models.Index(fields=["address", "-id"], name="messages_to_address"),
            models.Index(fields=["about", "-id"], name="messages_about", condition=~Q(about="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
