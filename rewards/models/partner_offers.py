"""Offers of partners, and the pools of codes that members take from."""

from __future__ import annotations

from datetime import date
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Member, Store
from rewards.models.partners import Partner


class PartnerOfferQuerySet(models.QuerySet["PartnerOffer"]):
    def open_on(self, day: date) -> Self:
        begun = Q(valid_from__isnull=True) | Q(valid_from__lte=day)
        lasts = Q(valid_until__isnull=True) | Q(valid_until__gte=day)
        return self.filter(begun, lasts, state="live", partner__is_active=True)


class PartnerOffer(models.Model):
    """What members get at a partner: 10 % off, a free coffee. Each takes codes from its pool."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        CLOSED = "closed", _("closed")

    public_id = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="offers")
    title = models.CharField(_("title"), max_length=120)
    text = models.TextField(_("text"), blank=True, default="")
    state = models.CharField(_("state"), max_length=6, choices=State, default=State.DRAFT)
    per_member = models.PositiveSmallIntegerField(_("codes for one member"), default=1)
    valid_from = models.DateField(_("from"), null=True, blank=True)
    valid_until = models.DateField(_("until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=ClockTimestamp())

    objects = PartnerOfferQuerySet.as_manager()

    class Meta:
        verbose_name = _("offer of a partner")
        verbose_name_plural = _("offers of partners")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="partner_offer_for_somebody", condition=Q(per_member__gte=1)
            ),
            models.CheckConstraint(
                name="partner_offer_days_in_order",
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gte=F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class PartnerCode(models.Model):
    """One code of a pool: free, then a member's, then used at the partner. Each step once.

    ``take_no`` counts the codes of a member under the offer, so two requests of one
    member never take the same place.
    """

    offer = models.ForeignKey(PartnerOffer, on_delete=models.PROTECT, related_name="codes")
    code = models.CharField(_("code"), max_length=60)
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, null=True, related_name="partner_codes"
    )
    take_no = models.PositiveSmallIntegerField(null=True)
    taken_at = models.DateTimeField(_("taken at"), null=True)
    redeemed_at = models.DateTimeField(_("used at"), null=True)
    redeemed_store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="+")
    reference = models.CharField(_("document"), max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("code of a partner")
        verbose_name_plural = _("codes of partners")
        constraints = [
            models.UniqueConstraint(name="partner_code_once", fields=["offer", "code"]),
            models.UniqueConstraint(
                name="partner_code_place_once", fields=["offer", "member", "take_no"]
            ),
            models.CheckConstraint(
                name="partner_code_taken_by_somebody",
                condition=Q(member__isnull=True, taken_at__isnull=True, take_no__isnull=True)
                | Q(member__isnull=False, taken_at__isnull=False, take_no__isnull=False),
            ),
            models.CheckConstraint(
                name="partner_code_taken_before_used",
                condition=Q(redeemed_at__isnull=True) | Q(taken_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["offer", "id"], name="free_partner_codes", condition=Q(member__isnull=True)
            ),
            models.Index(fields=["member", "-id"], name="partner_codes_of_member"),
        ]

    def __str__(self) -> str:
        return f"…{self.code[-4:]}"
