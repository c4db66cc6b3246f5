"""Integrations and the keys they authenticate with."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp


class Integration(models.Model):
    """A system that calls the API: a till fleet, a web shop, a warehouse.

    Scopes, stores and idempotency keys belong to it, not to its secrets, so a
    rotation changes nothing else.
    """

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    scopes = ArrayField(models.CharField(max_length=40), verbose_name=_("scopes"), db_default=[])
    stores = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("stores"),
        db_default=[],
        blank=True,
        help_text=_("Store codes; empty means every store"),
    )
    is_active = models.BooleanField(_("active"), db_default=True, default=True)
    created_at = models.DateTimeField(_("created"), db_default=ClockTimestamp(), editable=False)

    class Meta:
        verbose_name = _("integration")
        verbose_name_plural = _("integrations")

    def __str__(self) -> str:
        return self.name


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self, now: datetime) -> Self:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


class ApiKey(models.Model):
    """One secret of an integration. Only its hash is kept.

    SHA-256 without a salt is enough: the secret is 256 random bits, so there is
    no dictionary to try, and a slow hash would cost every request.
    """

    integration = models.ForeignKey(
        Integration,
        on_delete=models.CASCADE,
        related_name="keys",
        verbose_name=_("integration"),
    )
    public_id = models.CharField(_("key id"), max_length=16, unique=True, editable=False)
    secret_hash = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=ClockTimestamp(), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"crm_live_{self.public_id}_…"

    def state(self, now: datetime) -> str:
        """Live, or why not."""
        if self.revoked_at:
            return gettext("revoked")
        if self.expires_at and self.expires_at <= now:
            return gettext("expired")
        return gettext("live")
