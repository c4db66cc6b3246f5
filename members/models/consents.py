"""The consent log: what a person agreed to, in which words, and what proves it."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models.people import Member
from members.models.stores import Store


class Purpose(models.TextChoices):
    """Each purpose is asked for on its own; none is bundled with another."""

    PERSONAL_DATA = "personal_data", _("processing of personal data")
    ADVERTISING = "advertising", _("advertising messages")
    PARTNERS = "partners", _("transfer to partners")


class ConsentText(models.Model):
    """The words of one version of a consent, in one language. Never changed once used."""

    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    version = models.CharField(_("version"), max_length=40)
    language = models.CharField(_("language"), max_length=8)
    body = models.TextField(_("text"))
    published_at = models.DateTimeField(_("published at"), db_default=Now())

    class Meta:
        verbose_name = _("consent text")
        verbose_name_plural = _("consent texts")
        constraints = [
            models.UniqueConstraint(
                name="consent_text_version_once", fields=["purpose", "version", "language"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {self.version} ({self.language})"


class ConsentQuerySet(models.QuerySet["Consent"]):
    def current(self) -> Self:
        """The latest word on each purpose and channel of each member.

        Latest by the moment of speaking: an old paper form that is typed in today
        must not bring back a consent that was withdrawn since.
        """
        spoken = self.order_by("member", "purpose", "channel", "-occurred_at", "-id")
        return self.filter(pk__in=spoken.distinct("member", "purpose", "channel").values("pk"))


class Consent(models.Model):
    """One statement of a member: given or withdrawn. Append-only; what was said last counts."""

    class Channel(models.TextChoices):
        ANY = "any", _("any channel")
        SMS = "sms", _("SMS")
        EMAIL = "email", _("e-mail")
        PUSH = "push", _("push")
        MESSENGER = "messenger", _("messenger")
        CALL = "call", _("call")

    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="consents")
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.ANY)
    granted = models.BooleanField(_("granted"))
    text = models.ForeignKey(
        ConsentText, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("text")
    )
    source = models.CharField(_("source"), max_length=60)
    store = models.ForeignKey(
        Store, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("store")
    )
    actor = models.CharField(_("recorded by"), max_length=80)
    evidence = models.CharField(_("proof"), max_length=300, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = [
            models.Index(
                fields=["member", "purpose", "channel", "-occurred_at", "-id"],
                name="consent_newest",
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {'+' if self.granted else '-'}"
