"""What the programme promised to everybody, as it was published, and who accepted it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models import Member
from rewards.models.programmes import Programme


class ProgrammeRules(models.Model):
    """One published version of the programme's rules, in every language. Never changed.

    ``text`` is by language: ``terms`` and ``promotions`` as lists of sentences.
    ``digest`` tells whether two versions say the same.
    """

    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="published_rules"
    )
    number = models.PositiveIntegerField(_("version"))
    digest = models.CharField(_("fingerprint"), max_length=64)
    text = models.JSONField(_("text"))
    published_at = models.DateTimeField(_("published at"), db_default=Now())
    published_by = models.CharField(_("published by"), max_length=80)

    class Meta:
        verbose_name = _("published rules")
        verbose_name_plural = _("published rules")
        constraints = [
            models.UniqueConstraint(name="rules_numbered", fields=["programme", "number"]),
            models.CheckConstraint(name="rules_number_from_one", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return str(_("Version %(number)s") % {"number": self.number})


class RulesAcceptance(models.Model):
    """A member has accepted one version of the rules. Never changed."""

    class Channel(models.TextChoices):
        API = "api", _("API")
        TILL = "till", _("till")
        WEB = "web", _("website")
        APP = "app", _("app")
        PAPER = "paper", _("paper")

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="rules_acceptances", db_index=False
    )
    rules = models.ForeignKey(ProgrammeRules, on_delete=models.PROTECT, related_name="acceptances")
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    accepted_at = models.DateTimeField(_("accepted at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    actor = models.CharField(_("recorded by"), max_length=80)

    class Meta:
        verbose_name = _("acceptance of the rules")
        verbose_name_plural = _("acceptances of the rules")
        constraints = [
            models.UniqueConstraint(name="rules_accepted_once", fields=["member", "rules"])
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.rules_id}"
