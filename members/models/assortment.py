"""Products in lists, their special prices, and how many of them a store has to give away."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models.products import Product
from members.models.stores import Store


class ProductList(models.Model):
    """Products that rules name together, whatever their category or brand."""

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)
    products = models.ManyToManyField(
        Product, related_name="lists", blank=True, verbose_name=_("products")
    )

    class Meta:
        verbose_name = _("product list")
        verbose_name_plural = _("product lists")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class PriceList(models.Model):
    """Prices besides the shelf price, such as the members' ones. A rule says who gets them."""

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("price list")
        verbose_name_plural = _("price lists")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class PriceListEntry(models.Model):
    """The price of one unit of a product in a list, in minor units of the programme's currency."""

    price_list = models.ForeignKey(
        PriceList, on_delete=models.CASCADE, related_name="entries", verbose_name=_("price list")
    )
    product = models.ForeignKey(
        Product,
        on_delete=models.PROTECT,
        related_name="list_prices",
        db_index=False,
        verbose_name=_("product"),
    )
    price_minor = models.BigIntegerField(_("price, minor units"))
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())

    class Meta:
        verbose_name = _("price in a list")
        verbose_name_plural = _("prices in lists")
        constraints = [
            models.UniqueConstraint(name="price_once_per_list", fields=["product", "price_list"]),
            models.CheckConstraint(name="list_price_not_negative", condition=Q(price_minor__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.price_minor}"


class StockLevel(models.Model):
    """How many pieces of a gift a store has left. A product without a row is not counted."""

    store = models.ForeignKey(
        Store, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("store")
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="+", verbose_name=_("product")
    )
    quantity = models.BigIntegerField(_("pieces left"))
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())

    class Meta:
        verbose_name = _("stock of a gift")
        verbose_name_plural = _("stock of gifts")
        constraints = [
            models.UniqueConstraint(name="stock_once_per_store", fields=["store", "product"]),
            models.CheckConstraint(name="stock_not_negative", condition=Q(quantity__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.quantity}"
