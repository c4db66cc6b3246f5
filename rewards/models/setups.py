"""How a programme came about: what the wizard was told, and what it made."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from rewards.models.programmes import Programme


class ProgrammeSetup(models.Model):
    """One run of the set-up wizard. Written once, with everything it made; never changed."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="setups")
    #: The wizard's page has one such key: pressing twice makes one programme.
    once = models.CharField(max_length=80, unique=True, editable=False)
    #: ``rewards.rules.setup.Answers`` as plain values.
    answers = models.JSONField(_("answers"))
    owner = models.CharField(_("who answers for the programme"), max_length=120, blank=True)
    aim = models.CharField(_("what it shall reach"), max_length=500, blank=True)
    #: Codes of what was made, by noun, and what was there already.
    made = models.JSONField(_("made"))
    #: Texts of the first messages, by code and language, to begin campaigns with.
    messages = models.JSONField(_("drafts of messages"), default=dict)
    created_at = models.DateTimeField(_("at"), db_default=Now())
    actor = models.CharField(_("actor"), max_length=80)

    class Meta:
        verbose_name = _("set-up of the programme")
        verbose_name_plural = _("set-ups of the programme")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.created_at:%Y-%m-%d}"
