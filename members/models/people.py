"""Members, and the identities by which a till or an app recognises them."""

from __future__ import annotations

from typing import Any, Self

from django.apps import apps
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import ExtractDay, ExtractMonth, Lower, Now, Upper
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.ids import uuid7
from members.models.stores import Store


class MemberQuerySet(models.QuerySet["Member"]):
    def visible_to(self, actor: Actor) -> Self:
        """Every member: people join the chain, not a store. Their receipts are scoped instead."""
        return self

    def with_contacts(self) -> Self:
        """Home store, identities and cards, by two more queries whatever the number of rows."""
        identities = models.Prefetch("identities", Identity.objects.order_by("id"))
        # By name: cards stand on people, not people on cards.
        every_card: models.QuerySet[Any] = models.QuerySet(apps.get_model("members.Card"))
        cards = models.Prefetch("cards", every_card.order_by("id"))
        return self.select_related("home_store").prefetch_related(identities, cards)

    def with_phone(self) -> Self:
        """One phone of each member as ``phone``, read by index for the rows of the page only."""
        phones = Identity.objects.filter(member=models.OuterRef("pk"), kind=Identity.Kind.PHONE)
        return self.annotate(phone=models.Subquery(phones.order_by("id").values("value")[:1]))


class Member(models.Model):
    """A person who joined the programme."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        BLOCKED = "blocked", _("blocked")
        CLOSED = "closed", _("closed")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("full name"), max_length=200, blank=True)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=8, default="en")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ACTIVE)
    home_store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("home store"),
    )
    source = models.CharField(_("source"), max_length=60, blank=True)
    enrolled_at = models.DateTimeField(_("enrolled at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        indexes = [
            # icontains asks for UPPER(name) LIKE: only this index answers it.
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="member_name_part"),
            models.Index(fields=["-recorded_at", "-id"], name="member_newest"),
            # The filters of the admin's list: newest of one store, newest of the few set aside.
            models.Index(fields=["home_store", "-recorded_at", "-id"], name="member_of_store"),
            models.Index(
                fields=["status", "-recorded_at", "-id"],
                name="member_set_aside",
                condition=~Q(status="active"),
            ),
            models.Index(fields=["updated_at", "id"], name="member_changed"),
            # Gifts of the day: who was born on it, and who joined on it.
            models.Index(
                ExtractMonth("birth_date") * 100 + ExtractDay("birth_date"),
                name="member_birthday",
                condition=Q(birth_date__isnull=False),
            ),
            models.Index(fields=["enrolled_at"], name="member_joined"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.public_id)


class Identity(models.Model):
    """A name by which somebody outside knows a member: a phone, an e-mail, another system's id.

    ``value`` is kept normalised (E.164, lower case), so that one value is one row.
    """

    class Kind(models.TextChoices):
        PHONE = "phone", _("phone")
        EMAIL = "email", _("e-mail")
        EXTERNAL = "external", _("external id")

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    system = models.CharField(_("system"), max_length=40, blank=True)
    value = models.CharField(_("value"), max_length=254)
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [
            models.UniqueConstraint(
                name="identity_names_one_member", fields=["kind", "system", "value"]
            ),
            models.CheckConstraint(
                name="identity_names_its_system",
                condition=Q(kind="external") & ~Q(system="") | ~Q(kind="external") & Q(system=""),
            ),
            models.CheckConstraint(
                name="identity_is_normalised",
                condition=Q(kind="phone", value__regex=r"^\+[1-9][0-9]{6,14}$")
                | Q(kind="email", value__contains="@", value=Lower("value"))
                | Q(kind="external") & ~Q(value=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
