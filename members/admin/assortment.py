"""Product lists, price lists and the stock of gifts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV, TSV
from import_export.tmp_storages import MediaStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.widgets import UnfoldAdminTextareaWidget

from loyalty_crm.kernel.actors import user_actor
from members.admin.price_files import PriceResource
from members.admin.products import KeptAdmin
from members.admin.stores import CodedForm
from members.models import PriceList, PriceListEntry, Product, ProductList, StockLevel
from members.services.assortment import (
    MOST_ROWS,
    list_products,
    name_price_list,
    name_product_list,
    set_prices,
    set_stock,
)


class ProductListForm(CodedForm):
    """The list by its SKUs. A list of more than a thousand is changed by file or API."""

    skus = forms.CharField(
        label=_("products"),
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("SKUs, one a line, up to 1,000. Longer lists come with the product file."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = self._listed(MOST_ROWS + 1)
        self.fields["skus"].initial = "\n".join(listed[:MOST_ROWS])
        self.fields["skus"].disabled = len(listed) > MOST_ROWS

    def _listed(self, most: int) -> list[str]:
        if not self.instance.pk:
            return []
        mine = Product.objects.filter(lists=self.instance).order_by("sku")
        return list(mine.values_list("sku", flat=True)[:most])

    def clean_skus(self) -> list[str]:
        skus = list(dict.fromkeys(self.cleaned_data["skus"].split()))
        if len(skus) > MOST_ROWS:
            raise ValidationError(_("Up to 1,000 SKUs."))
        known = set(Product.objects.filter(sku__in=skus).values_list("sku", flat=True))
        if unknown := [sku for sku in skus if sku not in known]:
            named = ", ".join(unknown[:10])
            raise ValidationError(_("No such products: %(skus)s") % {"skus": named})
        return skus

    def changes(self) -> list[dict[str, Any]]:
        """What comes to the list and what goes."""
        if self.fields["skus"].disabled:
            return []
        before, wanted = set(self._listed(MOST_ROWS)), set(self.cleaned_data["skus"])
        come = [{"sku": sku, "listed": True} for sku in sorted(wanted - before)]
        return come + [{"sku": sku, "listed": False} for sku in sorted(before - wanted)]


@admin.register(ProductList)
class ProductListAdmin(KeptAdmin):
    form = ProductListForm
    list_display = ["code", "name", "size"]
    search_fields = ["code", "name"]
    fields = ["code", "name", "skus"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductList]:
        return ProductList.objects.annotate(size=Count("products"))

    @admin.display(description=_("products"))
    def size(self, product_list: ProductList) -> int:
        return int(getattr(product_list, "size", 0))

    def save_model(self, request: HttpRequest, obj: ProductList, form: Any, change: bool) -> None:
        actor = user_actor(request.user)
        changes = form.changes()
        found, _new = name_product_list(code=obj.code, name=obj.name, actor=actor)
        for start in range(0, len(changes), MOST_ROWS):
            rows = changes[start : start + MOST_ROWS]
            list_products(product_list=found, rows=rows, actor=actor)
        obj.pk = found.pk


@admin.register(PriceList)
class PriceListAdmin(KeptAdmin):
    """Its prices are a table of their own, with files in and out."""

    form = CodedForm
    list_display = ["code", "name", "size"]
    search_fields = ["code", "name"]
    fields = ["code", "name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceList]:
        return PriceList.objects.annotate(size=Count("entries"))

    @admin.display(description=_("prices"))
    def size(self, price_list: PriceList) -> int:
        return int(getattr(price_list, "size", 0))

    def save_model(self, request: HttpRequest, obj: PriceList, form: Any, change: bool) -> None:
        actor = user_actor(request.user)
        found, _new = name_price_list(code=obj.code, name=obj.name, actor=actor)
        obj.pk = found.pk


@admin.register(PriceListEntry)
class PriceListEntryAdmin(ImportExportModelAdmin, KeptAdmin):
    """Import and export take up to 5,000 rows as CSV; more comes through the API."""

    resource_classes = [PriceResource]
    import_form_class = ImportForm
    export_form_class = ExportForm
    formats = [CSV, TSV]
    # Shared by all web processes, unlike a folder of one machine.
    tmp_storage_class = MediaStorage
    list_display = ["price_list", "product", "price_minor", "updated_at"]
    list_filter = ["price_list"]
    list_select_related = ["price_list", "product"]
    search_fields = ["product__sku"]
    autocomplete_fields = ["price_list", "product"]
    fields = ["price_list", "product", "price_minor"]
    ordering = ["-id"]
    sortable_by: list[str] = []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["price_list", "product"] if obj else []

    def save_model(
        self, request: HttpRequest, obj: PriceListEntry, form: Any, change: bool
    ) -> None:
        set_prices(
            price_list=obj.price_list,
            rows=[{"sku": obj.product.sku, "price_minor": obj.price_minor}],
            actor=user_actor(request.user),
        )
        obj.pk = PriceListEntry.objects.get(price_list=obj.price_list, product=obj.product).pk

    def has_import_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.add_pricelistentry"))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.view_pricelistentry"))

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[PriceListEntry]:
        chosen: QuerySet[PriceListEntry] = super().get_export_queryset(request)
        return chosen.select_related("price_list", "product")


@admin.register(StockLevel)
class StockLevelAdmin(KeptAdmin):
    """Pieces of gifts by store. Sales count down; a number typed here replaces the count."""

    list_display = ["store", "product", "quantity", "updated_at"]
    list_filter = ["store"]
    list_select_related = ["store", "product"]
    search_fields = ["product__sku"]
    autocomplete_fields = ["store", "product"]
    fields = ["store", "product", "quantity"]
    ordering = ["-id"]
    sortable_by: list[str] = []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["store", "product"] if obj else []

    def save_model(self, request: HttpRequest, obj: StockLevel, form: Any, change: bool) -> None:
        row = {"store": obj.store.code, "sku": obj.product.sku, "quantity": obj.quantity}
        set_stock(rows=[row], actor=user_actor(request.user))  # type: ignore[list-item]
        obj.pk = StockLevel.objects.get(store=obj.store, product=obj.product).pk
