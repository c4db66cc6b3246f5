"""Households: people who share one pot of points, each by their own word."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models.people import Member


class Household(models.Model):
    """People who said that they belong together. It ends when the last of them leaves."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("household")
        verbose_name_plural = _("households")

    def __str__(self) -> str:
        return str(self.public_id)


class HouseholdMember(models.Model):
    """One stay of a member in a household. ``agreed_at``: when they said yes to sharing."""

    household = models.ForeignKey(
        Household, on_delete=models.PROTECT, related_name="stays", verbose_name=_("household")
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="stays", verbose_name=_("member")
    )
    is_owner = models.BooleanField(_("invites and sets rights"), default=False)
    share_percent = models.PositiveSmallIntegerField(_("share of earned points, %"), default=0)
    may_spend = models.BooleanField(_("may spend the pool"), default=True)
    agreed_at = models.DateTimeField(_("agreed at"))
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)

    class Meta:
        verbose_name = _("member of a household")
        verbose_name_plural = _("members of households")
        constraints = [
            models.UniqueConstraint(
                name="one_household_at_a_time", fields=["member"], condition=Q(left_at=None)
            ),
            models.CheckConstraint(
                name="household_share_is_a_percentage", condition=Q(share_percent__lte=100)
            ),
            models.CheckConstraint(
                name="household_left_after_it_was_joined",
                condition=Q(left_at=None) | Q(left_at__gte=F("agreed_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.household_id}: {self.member_id}"


class HouseholdInvitation(models.Model):
    """A code that lets one person join. Only its keyed hash is kept."""

    household = models.ForeignKey(Household, on_delete=models.PROTECT, related_name="invitations")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    may_spend = models.BooleanField(_("may spend the pool"), default=True)
    invited_by = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    accepted_by = models.ForeignKey(
        Member, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"))
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("invitation to a household")
        verbose_name_plural = _("invitations to households")
        constraints = [
            models.CheckConstraint(
                name="invitation_is_accepted_by_somebody",
                condition=Q(accepted_at=None, accepted_by=None) | Q(accepted_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
