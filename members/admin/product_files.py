"""The catalogue as a table: up to 5,000 rows in and out, bad rows named by their line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export import fields, resources, widgets
from import_export.results import Result

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import user_actor
from members.models import Brand, Category, Product, ProductList
from members.rules.products import attribute_faults

MOST_ROWS = 5000


class BrandWidget(widgets.ForeignKeyWidget):
    """A brand that is new is created with its code as name, as the API does."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Brand | None:
        code = str(value or "").strip()
        return Brand.objects.get_or_create(code=code, defaults={"name": code})[0] if code else None


class CategoryWidget(widgets.ForeignKeyWidget):
    """A category must exist. ``ValueError`` makes it a fault of the row, not of the program."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Category | None:
        code = str(value or "").strip()
        found: Category | None = Category.objects.filter(code=code).first()
        if code and not found:
            raise ValueError(_("There is no category with the code “%(code)s”.") % {"code": code})
        return found


class KnownWidget(widgets.ForeignKeyWidget):
    """A row that must exist already. ``ValueError`` makes it a fault of the row."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        key = str(value or "").strip()
        found = self.model._default_manager.filter(**{self.field: key}).first()  # noqa: SLF001
        if not found:
            raise ValueError(_("There is no “%(key)s”.") % {"key": key})
        return found


class AttributesWidget(widgets.Widget):
    """``colour=red; size=L`` in one cell."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> dict[str, str]:
        pairs = [pair.partition("=") for pair in str(value or "").split(";") if pair.strip()]
        found = {name.strip(): text.strip() for name, _, text in pairs}
        if attribute_faults(found):
            raise ValueError(_("Attributes are written as name=value; name=value."))
        return found

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "; ".join(f"{name}={text}" for name, text in sorted((value or {}).items()))


class ListsWidget(widgets.ManyToManyWidget):
    """Codes of lists with commas between; the lists must exist."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        codes = {code.strip() for code in str(value or "").split(",") if code.strip()}
        found = ProductList.objects.filter(code__in=codes)
        if missing := codes - {one.code for one in found}:
            raise ValueError(_("There is no “%(key)s”.") % {"key": min(missing)})
        return found


class FileResource(resources.ModelResource):
    """A table of ``noun`` rows with columns that are ``needed``: taken in whole or not, traced."""

    noun: str
    needed: Sequence[str]

    class Meta:
        clean_model_instances = True
        skip_unchanged = True
        use_transactions = True
        report_skipped = False

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        if fault := fault_of(dataset, *self.needed):
            # The library goes on with the rows; there shall be none.
            dataset.wipe()
            raise ValidationError(fault)

    def before_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        # Whoever syncs by "updated since" must see it.
        instance.updated_at = clock.now()

    def after_import(self, dataset: Any, result: Result, **kwargs: Any) -> None:
        trace_import(self.noun, result, **kwargs)


class ProductResource(FileResource):
    """One product a row, named by its SKU. Categories and brands stand in it by their codes."""

    noun, needed = "product", ("sku",)
    category = fields.Field(
        column_name="category",
        attribute="category",
        widget=CategoryWidget(Category, field="code"),
    )
    brand = fields.Field(
        column_name="brand", attribute="brand", widget=BrandWidget(Brand, field="code")
    )
    attributes = fields.Field(
        column_name="attributes", attribute="attributes", widget=AttributesWidget()
    )
    lists = fields.Field(
        column_name="lists", attribute="lists", widget=ListsWidget(ProductList, field="code")
    )

    class Meta:
        model = Product
        import_id_fields = ["sku"]
        fields = [
            "sku",
            "name",
            "barcode",
            "category",
            "brand",
            "price_minor",
            "cost_minor",
            "excluded_from_earning",
            "excluded_from_redemption",
            "attributes",
            "tax_basis_points",
            "lists",
            "is_active",
        ]


def trace_import(noun: str, result: Result, **kwargs: Any) -> None:
    """One row of the trail for a file that was taken in."""
    if kwargs.get("dry_run") or not (user := kwargs.get("user")):
        return
    counts = {name: result.totals[name] for name in ("new", "update", "skip")}
    audit.record(
        action=f"{noun}.imported",
        object_type=noun,
        object_id="file",
        after={**counts},
        actor=user_actor(user),
    )


def fault_of(dataset: Any, *needed: str) -> str:
    """Why the file as a whole can not be taken, or nothing."""
    if len(dataset) > MOST_ROWS:
        text = _("A file has at most %(max)s rows; send more through the API.")
        return text % {"max": MOST_ROWS}
    for name in needed:
        if name not in (dataset.headers or []):
            text = _("The first row must name the columns; “%(name)s” is missing.")
            return text % {"name": name}
    return ""
