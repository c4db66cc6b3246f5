"""Prices of lists as a table: up to 5,000 rows in and out, bad rows named by their line."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from import_export import fields, resources, widgets
from import_export.results import Result

from loyalty_crm.kernel import clock
from members.admin.product_files import KnownWidget, fault_of, trace_import
from members.models import PriceList, PriceListEntry, Product


class PriceResource(resources.ModelResource):
    """One price a row, named by list and SKU; both must exist."""

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
        clean_model_instances = True
        skip_unchanged = True
        use_transactions = True
        report_skipped = False

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        if fault := fault_of(dataset, "price_list", "sku", "price_minor"):
            # The library goes on with the rows; there shall be none.
            dataset.wipe()
            raise ValidationError(fault)

    def before_save_instance(self, instance: PriceListEntry, row: Any, **kwargs: Any) -> None:
        instance.updated_at = clock.now()

    def after_import(self, dataset: Any, result: Result, **kwargs: Any) -> None:
        trace_import("price_list", result, **kwargs)
