"""Prices of lists as a table: up to 5,000 rows in and out, bad rows named by their line."""

from __future__ import annotations

from import_export import fields, widgets

from members.admin.product_files import FileResource, KnownWidget
from members.models import PriceList, PriceListEntry, Product


class PriceResource(FileResource):
    """One price a row, named by list and SKU; both must exist."""

    noun, needed = "price_list", ("price_list", "sku", "price_minor")
    price_list = fields.Field(
        column_name="price_list",
        attribute="price_list",
        widget=KnownWidget(PriceList, field="code"),
    )
    sku = fields.Field(
        column_name="sku", attribute="product", widget=KnownWidget(Product, field="sku")
    )
    price_minor = fields.Field(
        column_name="price_minor", attribute="price_minor", widget=widgets.IntegerWidget()
    )

    class Meta:
        model = PriceListEntry
        import_id_fields = ["price_list", "sku"]
        fields = ["price_list", "sku", "price_minor"]
