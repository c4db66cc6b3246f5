"""What can be bought: products, their brands and their category tree."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, Upper
from django.utils.translation import gettext_lazy as _
from tree_queries.models import TreeNode


class Category(TreeNode):
    """A node of the product tree."""

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="category_is_not_its_own_parent",
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """Who makes a product."""

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """Something with a SKU. Prices are in minor units of the programme's currency, per one unit."""

    sku = models.CharField(_("SKU"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=300)
    barcode = models.CharField(_("barcode"), max_length=32, blank=True)
    category = models.ForeignKey(
        Category,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="products",
        verbose_name=_("category"),
    )
    brand = models.ForeignKey(
        Brand,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="products",
        verbose_name=_("brand"),
    )
    price_minor = models.BigIntegerField(_("price, minor units"), null=True, blank=True)
    cost_minor = models.BigIntegerField(_("cost price, minor units"), null=True, blank=True)
    excluded_from_earning = models.BooleanField(
        _("earns no points"), default=False, db_default=False
    )
    excluded_from_redemption = models.BooleanField(
        _("cannot be paid with points"), default=False, db_default=False
    )
    attributes = models.JSONField(
        _("attributes"),
        default=dict,
        db_default={},
        blank=True,
        help_text=_(
            'Names with one value each, such as {"colour": "red"}: rules can ask for them.'
        ),
    )
    tax_basis_points = models.PositiveIntegerField(
        _("tax rate, hundredths of a per cent"),
        null=True,
        blank=True,
        help_text=_("2000 is 20 %. Empty: the programme's standard rate."),
    )
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [
            models.CheckConstraint(
                name="product_prices_not_negative",
                condition=(Q(price_minor__isnull=True) | Q(price_minor__gte=0))
                & (Q(cost_minor__isnull=True) | Q(cost_minor__gte=0)),
            ),
            models.CheckConstraint(
                name="product_tax_is_a_share",
                condition=Q(tax_basis_points__isnull=True) | Q(tax_basis_points__lte=10_000),
            ),
        ]
        indexes = [
            models.Index(fields=["barcode"], name="product_barcode", condition=~Q(barcode="")),
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="product_name_part"),
            models.Index(fields=["updated_at", "id"], name="product_changed"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"
