"""What members read is written in more than one language."""

from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Translated(models.Model):
    """A name and a description in the shop's own words, and in other languages beside them.

    ``translations`` is ``{"ru": {"name": …, "description": …}}``; what is missing
    there is shown in the first words.
    """

    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), max_length=2_000, blank=True, default="")
    translations = models.JSONField(default=dict, db_default={}, blank=True, editable=False)

    class Meta:
        abstract = True

    def word(self, field: str, language: str | None = None) -> str:
        told = self.translations.get((language or get_language() or "")[:2], {})
        return str(told.get(field) or getattr(self, field))

    @property
    def title(self) -> str:
        """The name in the language of the page."""
        return self.word("name")

    @property
    def about(self) -> str:
        return self.word("description")
