"""What was bought: receipts with their lines and tenders, and the refunds of them.

Facts only. What a receipt earned stands in ``rewards``. Money is in minor
units, quantities in thousandths, so that no sum ever meets a fraction.
"""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import Actor
from members.models.cards import Card
from members.models.people import Member
from members.models.products import Product
from members.models.stores import Store, Terminal


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.stores is None else self.filter(store__code__in=actor.stores)


class Receipt(models.Model):
    """One sale as the till printed it; a store never prints a number twice."""

    class State(models.TextChoices):
        CLOSED = "closed", _("closed")
        PARTLY_RETURNED = "partly_returned", _("partly returned")
        RETURNED = "returned", _("returned")
        VOIDED = "voided", _("voided")

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    store = models.ForeignKey(
        Store, on_delete=models.PROTECT, related_name="receipts", verbose_name=_("store")
    )
    terminal = models.ForeignKey(
        Terminal,
        on_delete=models.PROTECT,
        null=True,
        related_name="receipts",
        verbose_name=_("terminal"),
    )
    number = models.CharField(_("receipt number"), max_length=80)
    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="receipts",
        verbose_name=_("member"),
    )
    card = models.ForeignKey(
        Card, on_delete=models.DO_NOTHING, null=True, related_name="+", verbose_name=_("card")
    )
    cashier = models.CharField(_("cashier"), max_length=80, blank=True, db_default="")
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=16, choices=State, db_default=State.CLOSED)
    gross_minor = models.BigIntegerField(_("total before discounts"))
    discount_minor = models.BigIntegerField(_("discounts"), db_default=0)
    points_paid_minor = models.BigIntegerField(_("paid with points"), db_default=0)
    total_minor = models.BigIntegerField(_("total to pay"))
    tax_minor = models.BigIntegerField(_("tax"), db_default=0)
    tax_added_minor = models.BigIntegerField(_("of it on top of the prices"), db_default=0)
    content_digest = models.BinaryField(max_length=32)
    occurred_at = models.DateTimeField(_("bought at"))
    business_date = models.DateField(_("business date"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            models.UniqueConstraint(
                name="receipt_number_once_per_store", fields=["store", "number"]
            ),
            models.CheckConstraint(
                name="receipt_total_adds_up",
                condition=Q(
                    total_minor=F("gross_minor")
                    - F("discount_minor")
                    - F("points_paid_minor")
                    + F("tax_added_minor"),
                    tax_minor__gte=0,
                    tax_added_minor__gte=0,
                    tax_added_minor__lte=F("tax_minor"),
                    discount_minor__gte=0,
                    points_paid_minor__gte=0,
                    total_minor__gte=0,
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-occurred_at", "-id"], name="receipt_of_member"),
            models.Index(fields=["-recorded_at", "-id"], name="receipt_newest"),
            models.Index(fields=["store", "-occurred_at"], name="receipt_of_store"),
        ]

    def __str__(self) -> str:
        return self.number


class ReceiptLine(models.Model):
    """One line of a receipt, and how much of it came back so far.

    gross = price x quantity as the till printed it; net = gross - discount, the
    price of the goods; points_paid is the part of net that points paid for.
    """

    receipt = models.ForeignKey(Receipt, on_delete=models.CASCADE, related_name="lines")
    line_no = models.PositiveIntegerField(_("line"))
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("product")
    )
    sku = models.CharField(_("SKU"), max_length=80)
    name = models.CharField(_("name"), max_length=300, blank=True, db_default="")
    quantity_milli = models.BigIntegerField(_("quantity, thousandths"))
    unit_price_minor = models.BigIntegerField(_("price of one"))
    gross_minor = models.BigIntegerField(_("before discounts"))
    discount_minor = models.BigIntegerField(_("discount"), db_default=0)
    net_minor = models.BigIntegerField(_("after discounts"))
    points_paid_minor = models.BigIntegerField(_("paid with points"), db_default=0)
    cost_minor = models.BigIntegerField(_("cost of one"), null=True)
    tax_basis_points = models.PositiveIntegerField(
        _("tax rate, hundredths of a per cent"), db_default=0
    )
    tax_minor = models.BigIntegerField(_("tax"), db_default=0)
    refunded_quantity_milli = models.BigIntegerField(_("returned, thousandths"), db_default=0)
    refunded_minor = models.BigIntegerField(_("returned, net"), db_default=0)

    class Meta:
        verbose_name = _("receipt line")
        verbose_name_plural = _("receipt lines")
        constraints = [
            models.UniqueConstraint(
                name="line_number_once_per_receipt", fields=["receipt", "line_no"]
            ),
            models.CheckConstraint(
                name="line_adds_up",
                condition=Q(
                    net_minor=F("gross_minor") - F("discount_minor"),
                    quantity_milli__gt=0,
                    gross_minor__gte=0,
                    discount_minor__gte=0,
                    net_minor__gte=0,
                    points_paid_minor__gte=0,
                    points_paid_minor__lte=F("net_minor"),
                    tax_minor__gte=0,
                ),
            ),
            models.CheckConstraint(
                name="refund_within_line",
                condition=Q(
                    refunded_quantity_milli__gte=0,
                    refunded_quantity_milli__lte=F("quantity_milli"),
                    refunded_minor__gte=0,
                    refunded_minor__lte=F("net_minor"),
                ),
            ),
        ]
        indexes = [models.Index(fields=["product", "receipt"], name="line_of_product")]

    def __str__(self) -> str:
        return f"{self.line_no}: {self.sku}"


class Tender(models.Model):
    """How a receipt was paid: money by kind. Points paid are not a tender, they lower the price."""

    receipt = models.ForeignKey(Receipt, on_delete=models.CASCADE, related_name="tenders")
    kind = models.CharField(_("kind"), max_length=20)
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("tender")
        verbose_name_plural = _("tenders")
        constraints = [
            models.CheckConstraint(name="tender_not_negative", condition=Q(amount_minor__gte=0))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor}"


class RefundQuerySet(models.QuerySet["Refund"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.stores is None else self.filter(store__code__in=actor.stores)


class Refund(models.Model):
    """Goods that came back, or a receipt that was voided as if it had never been."""

    class Kind(models.TextChoices):
        REFUND = "refund", _("refund")
        VOID = "void", _("void")

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    receipt = models.ForeignKey(
        Receipt, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("receipt")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, db_default=Kind.REFUND)
    store = models.ForeignKey(
        Store, on_delete=models.PROTECT, related_name="+", verbose_name=_("store")
    )
    number = models.CharField(_("refund number"), max_length=80)
    net_minor = models.BigIntegerField(_("value of the goods"))
    money_minor = models.BigIntegerField(_("money back"))
    tax_minor = models.BigIntegerField(_("tax"), db_default=0)
    content_digest = models.BinaryField(max_length=32)
    reason = models.CharField(_("reason"), max_length=200, blank=True, db_default="")
    cashier = models.CharField(_("cashier"), max_length=80, blank=True, db_default="")
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(
                name="refund_number_once_per_store", fields=["store", "number"]
            ),
            models.UniqueConstraint(
                name="one_void_per_receipt", fields=["receipt"], condition=Q(kind="void")
            ),
            models.CheckConstraint(
                name="refund_not_negative", condition=Q(net_minor__gte=0, money_minor__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return self.number


class RefundLine(models.Model):
    """What of one receipt line came back with one refund."""

    refund = models.ForeignKey(Refund, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey(ReceiptLine, on_delete=models.PROTECT, related_name="refund_lines")
    quantity_milli = models.BigIntegerField(_("quantity, thousandths"))
    net_minor = models.BigIntegerField(_("value of the goods"))
    points_paid_minor = models.BigIntegerField(_("of it paid with points"), db_default=0)
    tax_minor = models.BigIntegerField(_("tax"), db_default=0)

    class Meta:
        verbose_name = _("refund line")
        verbose_name_plural = _("refund lines")
        constraints = [
            models.UniqueConstraint(name="line_once_per_refund", fields=["refund", "line"]),
            models.CheckConstraint(
                name="refund_line_not_negative",
                condition=Q(quantity_milli__gte=0, net_minor__gte=0, tax_minor__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.net_minor}"
