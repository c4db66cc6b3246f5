"""What a receipt was granted and paid with, pinned to the rule versions that decided it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models import Receipt, ReceiptLine, Refund
from rewards.models.ledger import LedgerTx, PendingGrant, Wallet
from rewards.models.promotions import PromotionVersion


class Purchase(models.Model):
    """The rewards side of one receipt: what it earned, what points paid, and what was taken back.

    Receipts of people without a wallet have none of this and still have decisions.
    """

    receipt = models.OneToOneField(
        Receipt, on_delete=models.PROTECT, primary_key=True, related_name="purchase"
    )
    wallet = models.ForeignKey(
        Wallet, on_delete=models.DO_NOTHING, null=True, related_name="purchases"
    )
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")
    pending = models.ForeignKey(
        PendingGrant, on_delete=models.DO_NOTHING, null=True, related_name="+"
    )
    redeem_tx = models.ForeignKey(
        LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+"
    )
    rules_version = models.BigIntegerField(_("rule set"))
    earned = models.BigIntegerField(_("points earned"), db_default=0)
    redeemed = models.BigIntegerField(_("points spent"), db_default=0)
    clawed_back = models.BigIntegerField(_("points taken back"), db_default=0)
    restored = models.BigIntegerField(_("points given back"), db_default=0)
    written_off = models.BigIntegerField(_("points written off"), db_default=0)
    lots_expire_at = models.DateTimeField(_("earned points expire at"), null=True)
    #: The programme's terms of that moment: what a return rounds and counts by.
    terms = models.JSONField(_("terms"), db_default={})
    decisions = models.JSONField(_("decisions"), db_default=[])
    #: What each effect gave and counted (``rewards.rules.answers.Pin``): returns work from it.
    pins = models.JSONField(default=list, db_default=[], editable=False)
    #: The codes that were shown and what became of each (``CouponOutcome``).
    coupons = models.JSONField(_("coupons"), default=list, db_default=[])

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        constraints = [
            models.CheckConstraint(
                name="never_taken_back_more_than_granted",
                condition=Q(
                    earned__gte=0,
                    redeemed__gte=0,
                    clawed_back__gte=0,
                    clawed_back__lte=F("earned"),
                    restored__gte=0,
                    restored__lte=F("redeemed"),
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.receipt_id}"


class Grant(models.Model):
    """Points that one rule version granted on one receipt line, all its effects together."""

    line = models.ForeignKey(ReceiptLine, on_delete=models.CASCADE, related_name="grants")
    version = models.ForeignKey(PromotionVersion, on_delete=models.PROTECT, related_name="+")
    base_minor = models.BigIntegerField(_("base"))
    points = models.BigIntegerField(_("points"))
    carry_in = models.BigIntegerField(db_default=0)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            models.UniqueConstraint(name="one_grant_per_line_and_rule", fields=["line", "version"])
        ]

    def __str__(self) -> str:
        return f"{self.points}"


class PurchaseRefund(models.Model):
    """What one refund did to the wallet."""

    refund = models.OneToOneField(
        Refund, on_delete=models.PROTECT, primary_key=True, related_name="rewards"
    )
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")
    clawed_back = models.BigIntegerField(_("points taken back"), db_default=0)
    from_pending = models.BigIntegerField(_("of them not yet active"), db_default=0)
    restored = models.BigIntegerField(_("points given back"), db_default=0)
    written_off = models.BigIntegerField(_("points written off"), db_default=0)

    class Meta:
        verbose_name = _("refund of a purchase")
        verbose_name_plural = _("refunds of purchases")

    def __str__(self) -> str:
        return f"{self.refund_id}"
