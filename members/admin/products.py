"""The catalogue: products, brands, and categories drawn as a tree."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV, TSV
from import_export.tmp_storages import MediaStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin, NoCountChangeList
from members.admin.product_files import ProductResource
from members.admin.stores import CodedForm
from members.models import Brand, Category, Product
from members.rules.products import ProductRow, attribute_faults
from members.services.products import upsert_brand, upsert_categories, upsert_products
from members.services.search import find_products

FOUND_AT_MOST = 200


class KeptAdmin(KernelAdmin):
    """What receipts point at is never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ProductForm(CodedForm):
    def clean_attributes(self) -> Any:
        given = self.cleaned_data["attributes"] or {}
        if attribute_faults(given):
            raise ValidationError(_("Attributes are names with one text each."))
        return given


@admin.register(Product)
class ProductAdmin(ImportExportModelAdmin, KeptAdmin):
    """Import and export take up to 5,000 rows as CSV; larger catalogues come through the API."""

    resource_classes = [ProductResource]
    import_form_class = ImportForm
    export_form_class = ExportForm
    formats = [CSV, TSV]
    # Shared by all web processes, unlike a folder of one machine.
    tmp_storage_class = MediaStorage
    list_display = ["sku", "name", "category", "brand", "price_minor", "is_active"]
    list_filter = ["is_active", "excluded_from_earning", "excluded_from_redemption"]
    list_select_related = ["category", "brand"]
    autocomplete_fields = ["category", "brand"]
    search_fields = ["sku"]
    search_help_text = _("SKU, barcode, a part of the name, brand or category")
    ordering = ["-updated_at", "-id"]
    sortable_by: list[str] = []
    form = ProductForm
    fieldsets = [
        (None, {"fields": ["sku", "name", "barcode", "category", "brand", "is_active"]}),
        (_("Prices"), {"fields": ["price_minor", "cost_minor"]}),
        (_("Rules and tax"), {"fields": ["attributes", "tax_basis_points"]}),
        (_("Points"), {"fields": ["excluded_from_earning", "excluded_from_redemption"]}),
    ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        if not search_term:
            return queryset, False
        found = find_products(search_term, limit=FOUND_AT_MOST).values_list("pk", flat=True)
        return queryset.filter(pk__in=list(found)), False

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        row: ProductRow = {
            "sku": obj.sku,
            "name": obj.name,
            "barcode": obj.barcode,
            "category": obj.category.code if obj.category else None,
            "brand": obj.brand.code if obj.brand else None,
            "price_minor": obj.price_minor,
            "cost_minor": obj.cost_minor,
            "excluded_from_earning": obj.excluded_from_earning,
            "excluded_from_redemption": obj.excluded_from_redemption,
            "attributes": obj.attributes,
            "tax_basis_points": obj.tax_basis_points,
            "is_active": obj.is_active,
        }
        upsert_products(rows=[row], actor=user_actor(request.user))
        obj.pk = Product.objects.get(sku=obj.sku).pk

    def has_import_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.add_product"))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.view_product"))

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        chosen: QuerySet[Product] = super().get_export_queryset(request)
        return chosen.select_related("category", "brand").prefetch_related("lists")


@admin.register(Brand)
class BrandAdmin(KeptAdmin):
    form = CodedForm
    list_display = ["code", "name"]
    search_fields = ["code", "name"]

    def save_model(self, request: HttpRequest, obj: Brand, form: Any, change: bool) -> None:
        brand, _new = upsert_brand(code=obj.code, name=obj.name, actor=user_actor(request.user))
        obj.pk = brand.pk


class TreeChangeList(NoCountChangeList):
    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Category]) -> list[str]:
        """Depth first, as a tree is read."""
        return ["tree_ordering", "pk"]


@admin.register(Category)
class CategoryAdmin(KeptAdmin):
    """The tree from the top, each node below its parent."""

    form = CodedForm
    list_display = ["branch", "code"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["parent"]
    fields = ["code", "name", "parent"]
    sortable_by: list[str] = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        nodes: QuerySet[Category] = Category.objects.with_tree_fields()
        return nodes

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TreeChangeList]:
        return TreeChangeList

    @admin.display(description=_("name"))
    def branch(self, node: Category) -> SafeString:
        depth: int = getattr(node, "tree_depth", 0)
        return format_html("{}{}", mark_safe("&emsp;" * 2 * depth), node.name)  # noqa: S308

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        parent = obj.parent.code if obj.parent else None
        upsert_categories(
            rows=[{"code": obj.code, "name": obj.name, "parent": parent}],
            actor=user_actor(request.user),
        )
        obj.pk = Category.objects.get(code=obj.code).pk
