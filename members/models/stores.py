"""Where people buy: stores, the tills in them, and the shifts of the people who work there."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import Actor


class StoreQuerySet(models.QuerySet["Store"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.stores is None else self.filter(code__in=actor.stores)


class Store(models.Model):
    """A place or channel that sells: a shop, a café, a web shop. The wire knows it by its code."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=200)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    address = models.CharField(_("address"), max_length=300, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    objects = StoreQuerySet.as_manager()

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class TerminalQuerySet(models.QuerySet["Terminal"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.stores is None else self.filter(store__code__in=actor.stores)


class Terminal(models.Model):
    """One till of a store."""

    store = models.ForeignKey(
        Store, on_delete=models.PROTECT, related_name="terminals", verbose_name=_("store")
    )
    code = models.CharField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=200, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    objects = TerminalQuerySet.as_manager()

    class Meta:
        verbose_name = _("terminal")
        verbose_name_plural = _("terminals")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(name="terminal_code_once_per_store", fields=["store", "code"])
        ]

    def __str__(self) -> str:
        return self.code


class ShiftQuerySet(models.QuerySet["Shift"]):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)

    def visible_to(self, actor: Actor) -> Self:
        return self if actor.stores is None else self.filter(terminal__store__code__in=actor.stores)


class Shift(models.Model):
    """The hours one member of staff works at one terminal."""

    terminal = models.ForeignKey(
        Terminal, on_delete=models.PROTECT, related_name="shifts", verbose_name=_("terminal")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="shifts",
        verbose_name=_("staff"),
    )
    opened_at = models.DateTimeField(_("opened at"), db_default=Now())
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    objects = ShiftQuerySet.as_manager()

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        constraints = [
            models.UniqueConstraint(
                name="one_open_shift_per_terminal",
                fields=["terminal"],
                condition=Q(closed_at__isnull=True),
            ),
            models.UniqueConstraint(
                name="one_open_shift_per_user", fields=["user"], condition=Q(closed_at__isnull=True)
            ),
            models.CheckConstraint(
                name="shift_ends_after_it_starts",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"shift {self.pk}"
