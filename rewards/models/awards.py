"""What sales gave besides discounts and points, and the balances that grew from it.

Rows are written by ``rewards.services.awards`` alone and never changed: what is
taken back is a row of its own.
"""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models import Member, Refund
from rewards.models.checkout import Purchase
from rewards.models.promotions import PromotionVersion


class AwardQuerySet(models.QuerySet["Award"]):
    """Awards as lists show them."""


class Award(models.Model):
    """One effect of a promotion version that gave something on a receipt.

    ``amount`` is in what the kind counts: stamps, tickets, plays, pieces of a
    gift, minor units pledged; 1 of all else. ``detail`` keeps what whoever
    fulfilled it needs to take it back. Only ``taken_back`` grows.
    """

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    purchase = models.ForeignKey(Purchase, on_delete=models.PROTECT, related_name="awards")
    version = models.ForeignKey(PromotionVersion, on_delete=models.PROTECT, related_name="+")
    effect = models.PositiveSmallIntegerField()
    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="awards",
        db_index=False,
        verbose_name=_("member"),
    )
    kind = models.CharField(_("kind"), max_length=40)
    code = models.CharField(_("code"), max_length=80, blank=True)
    amount = models.BigIntegerField(_("amount"))
    taken_back = models.BigIntegerField(_("taken back"), db_default=0)
    detail = models.JSONField(_("details"), default=dict, db_default={})
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    objects = AwardQuerySet.as_manager()

    class Meta:
        verbose_name = _("award")
        verbose_name_plural = _("awards")
        constraints = [
            models.UniqueConstraint(
                name="one_award_per_effect", fields=["purchase", "version", "effect"]
            ),
            models.CheckConstraint(
                name="award_within_what_was_given",
                condition=Q(amount__gt=0, taken_back__gte=0, taken_back__lte=F("amount")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["member", "-id"],
                name="award_of_member",
                condition=Q(member__isnull=False),
            ),
            models.Index(fields=["kind", "code", "-id"], name="award_of_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.code}".rstrip()


class AwardRevocation(models.Model):
    """So much of an award went back with one refund or void."""

    award = models.ForeignKey(Award, on_delete=models.PROTECT, related_name="revocations")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="awards_back")
    amount = models.BigIntegerField(_("amount"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("award taken back")
        verbose_name_plural = _("awards taken back")
        constraints = [
            models.UniqueConstraint(name="one_revocation_per_refund", fields=["award", "refund"]),
            models.CheckConstraint(name="revocation_above_zero", condition=Q(amount__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.award_id}: -{self.amount}"


class AwardMove(models.Model):
    """Stamps, tickets or plays that a member got (above zero) or lost (below).

    Inserting one moves the member's balance of that kind and code; nothing else does.
    """

    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        verbose_name=_("member"),
    )
    kind = models.CharField(_("kind"), max_length=40)
    code = models.CharField(_("code"), max_length=80)
    amount = models.BigIntegerField(_("amount"))
    award = models.ForeignKey(Award, on_delete=models.PROTECT, null=True, related_name="moves")
    reason = models.CharField(_("reason"), max_length=80)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("move of an award balance")
        verbose_name_plural = _("moves of award balances")
        constraints = [
            models.CheckConstraint(name="award_move_moves", condition=~Q(amount=0)),
            # A full card, its undoing and stamps by hand each name themselves in the reason.
            models.UniqueConstraint(
                name="stamp_event_once",
                fields=["member", "kind", "code", "reason"],
                condition=Q(reason__startswith="stamp:"),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "kind", "code", "id"], name="move_of_balance"),
            # A draw freezes the tickets of everybody at once.
            models.Index(
                fields=["code", "member"], name="tickets_of_draw", condition=Q(kind="draw_tickets")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+} {self.kind}"


class AwardBalance(models.Model):
    """How many stamps, tickets or plays of one code a member has: the sum of the moves.

    Below zero when what was spent already was taken back with its goods.
    """

    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="award_balances", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=40)
    code = models.CharField(_("code"), max_length=80)
    balance = models.BigIntegerField(_("balance"), db_default=0)

    class Meta:
        verbose_name = _("award balance")
        verbose_name_plural = _("award balances")
        constraints = [
            models.UniqueConstraint(name="one_balance", fields=["member", "kind", "code"])
        ]

    def __str__(self) -> str:
        return f"{self.balance} {self.kind} {self.code}"
