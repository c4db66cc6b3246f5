"""Gift cards: who may spend a wallet of money. What is in it, the ledger knows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from members.models import Member
from rewards.models.gift_batches import GiftCardBatch
from rewards.models.ledger import Wallet

PIN_TRIES = 5


class GiftCard(models.Model):
    """A bearer's right to a wallet of one currency, found by a number that is not stored.

    ``digest`` is a keyed hash of the number, so a stolen database lists no live
    card. Past ``expires_on`` a card buys nothing, yet what is left is still owed.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("not sold yet")
        ACTIVE = "active", _("active")
        BLOCKED = "blocked", _("blocked")
        DEACTIVATED = "deactivated", _("closed")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    wallet = models.OneToOneField(Wallet, on_delete=models.DO_NOTHING, related_name="gift_card")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    last4 = models.CharField(_("ends in"), max_length=4, editable=False)
    #: Whether the number and the PIN follow from our key, or were printed by somebody else.
    is_derived = models.BooleanField(default=True, editable=False)
    has_pin = models.BooleanField(_("has a PIN"), default=True)
    pin_failures = models.PositiveSmallIntegerField(_("wrong PINs in a row"), default=0)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PENDING)
    currency = models.CharField(_("currency"), max_length=3)
    holder = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="gift_cards",
        verbose_name=_("holder"),
    )
    linked_at = models.DateTimeField(_("first used by the holder at"), null=True, editable=False)
    buyer = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bought_gift_cards",
        verbose_name=_("buyer"),
    )
    batch = models.ForeignKey(
        GiftCardBatch,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="cards",
        verbose_name=_("batch"),
    )
    expires_on = models.DateField(_("usable until"), null=True, blank=True)
    activated_at = models.DateTimeField(_("sold at"), null=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("gift card")
        verbose_name_plural = _("gift cards")
        constraints = [
            models.CheckConstraint(
                name="only_a_sold_gift_card_is_used",
                condition=Q(state="pending", activated_at__isnull=True)
                | ~Q(state="pending") & Q(activated_at__isnull=False)
                | Q(state="deactivated"),
            ),
            models.CheckConstraint(
                name="gift_card_pin_tries_bounded", condition=Q(pin_failures__lte=PIN_TRIES)
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.last4}"

    @property
    def is_locked(self) -> bool:
        """Too many wrong PINs in a row: only the back office opens it again."""
        return self.pin_failures >= PIN_TRIES
