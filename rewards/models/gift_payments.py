"""What gift cards paid of receipts, and what returns put back on them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models import Receipt, Refund
from rewards.models.gift_cards import GiftCard
from rewards.models.ledger import LedgerTx


class GiftCardPayment(models.Model):
    """So much of one receipt was paid with one card. Only ``returned_minor`` grows."""

    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="gift_payments")
    card = models.ForeignKey(GiftCard, on_delete=models.PROTECT, related_name="payments")
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, related_name="+")
    amount_minor = models.BigIntegerField(_("amount"))
    returned_minor = models.BigIntegerField(_("returned"), db_default=0)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("payment with a gift card")
        verbose_name_plural = _("payments with gift cards")
        constraints = [
            models.UniqueConstraint(name="one_gift_payment_a_receipt", fields=["receipt", "card"]),
            models.CheckConstraint(
                name="gift_payment_returned_within",
                condition=Q(
                    amount_minor__gt=0, returned_minor__gte=0, returned_minor__lte=F("amount_minor")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} …{self.card_id}"


class GiftCardReturn(models.Model):
    """What one refund gave back of one such payment.

    ``tx`` is null when the card is closed for good: then this part is paid out like money.
    """

    payment = models.ForeignKey(GiftCardPayment, on_delete=models.PROTECT, related_name="returns")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="gift_returns")
    tx = models.ForeignKey(LedgerTx, on_delete=models.DO_NOTHING, null=True, related_name="+")
    amount_minor = models.BigIntegerField(_("amount"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("return to a gift card")
        verbose_name_plural = _("returns to gift cards")
        constraints = [
            models.UniqueConstraint(name="one_gift_return_a_refund", fields=["payment", "refund"]),
            models.CheckConstraint(name="gift_return_above_zero", condition=Q(amount_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor}"
