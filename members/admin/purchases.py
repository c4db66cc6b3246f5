"""Receipts and refunds with their lines: facts, so nothing here can be edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.money import Money
from members.admin.cards import veiled_owner
from members.admin.lens import lens_of
from members.models import Receipt, ReceiptLine, Refund, RefundLine, Store, Tender
from members.services.search import find_members

FOUND_MEMBERS = 50


def sum_of(field: str, title: Any) -> Any:
    """A column of money, in the currency of the receipt it belongs to."""

    @admin.display(description=title)
    def amount(row: Any) -> str:
        return Money(getattr(row, field), receipt_of(row).currency).format()

    return amount


def receipt_of(row: Any) -> Receipt:
    match row:
        case Receipt():
            return row
        case RefundLine():
            found: Receipt = row.refund.receipt
        case _:
            found = row.receipt
    return found


def quantity(title: Any) -> Any:
    @admin.display(description=title)
    def amount(row: Any) -> str:
        whole, thousandths = divmod(row.quantity_milli, 1000)
        return f"{whole}.{thousandths:03}".rstrip("0").rstrip(".")

    return amount


class FactInline(TabularInline):
    extra = 0
    hide_title = True
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LineInline(FactInline):
    model = ReceiptLine
    fields = readonly_fields = [
        "line_no",
        "sku",
        "name",
        quantity(_("quantity")),
        sum_of("unit_price_minor", _("price of one")),
        sum_of("discount_minor", _("discount")),
        sum_of("net_minor", _("after discounts")),
        sum_of("points_paid_minor", _("paid with points")),
        sum_of("refunded_minor", _("returned, net")),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReceiptLine]:
        return ReceiptLine.objects.select_related("receipt").order_by("line_no")


class TenderInline(FactInline):
    model = Tender
    fields = readonly_fields = ["kind", sum_of("amount_minor", _("amount"))]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tender]:
        return Tender.objects.select_related("receipt").order_by("id")


class RefundInline(FactInline):
    model = Refund
    hide_title = False
    show_change_link = True
    fields = readonly_fields = [
        "kind",
        "number",
        sum_of("net_minor", _("value of the goods")),
        sum_of("money_minor", _("money back")),
        "reason",
        "occurred_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return Refund.objects.select_related("receipt").order_by("id")


class RefundLineInline(FactInline):
    model = RefundLine
    fields = readonly_fields = [
        "line",
        quantity(_("quantity")),
        sum_of("net_minor", _("value of the goods")),
        sum_of("points_paid_minor", _("of it paid with points")),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundLine]:
        return RefundLine.objects.select_related("refund__receipt", "line").order_by("id")


def numbered(queryset: QuerySet[Any], number: str) -> QuerySet[Any]:
    """By number in every store: so many reads of the unique key as there are stores."""
    stores = list(Store.objects.values_list("pk", flat=True))
    return queryset.filter(store__in=stores, number=number)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    inlines = [LineInline, TenderInline, RefundInline]
    list_filter = ["store"]
    list_select_related = ["store", "member"]
    search_fields = ["number"]
    search_help_text = _("The receipt number, or the member's card, phone, e-mail or name")
    sortable_by: list[str] = []

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [*self.get_readonly_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [
            "number",
            "store",
            "terminal",
            veiled_owner(lens_of(request.user)),
            "card",
            "cashier",
            "state",
            sum_of("gross_minor", _("total before discounts")),
            sum_of("discount_minor", _("discounts")),
            sum_of("points_paid_minor", _("paid with points")),
            sum_of("total_minor", _("total to pay")),
            "occurred_at",
            "recorded_at",
        ]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [
            "number",
            "store",
            veiled_owner(lens_of(request.user)),
            sum_of("total_minor", _("total to pay")),
            sum_of("points_paid_minor", _("paid with points")),
            "state",
            "occurred_at",
        ]

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """The order that an index has: of one store by day of sale, of all by arrival."""
        by_store = any(name.startswith("store__") for name in request.GET)
        return ["-occurred_at"] if by_store else ["-recorded_at", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Receipt], search_term: str
    ) -> tuple[QuerySet[Receipt], bool]:
        """A number first. Who may not see names can't find receipts by them."""
        if not search_term:
            return queryset, False
        found = numbered(queryset, search_term)
        if found.exists() or not lens_of(request.user).names:
            return found, False
        members = [member.pk for member in find_members(search_term, limit=FOUND_MEMBERS)]
        return queryset.filter(member__in=members), False


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    inlines = [RefundLineInline]
    list_filter = ["kind"]
    list_select_related = ["store", "receipt"]
    search_fields = ["number"]
    search_help_text = _("The refund number")
    ordering = ["-id"]
    sortable_by: list[str] = []
    list_display = [
        "number",
        "kind",
        "receipt",
        "store",
        sum_of("net_minor", _("value of the goods")),
        sum_of("money_minor", _("money back")),
        "occurred_at",
    ]
    fields = readonly_fields = [
        "number",
        "kind",
        "receipt",
        "store",
        sum_of("net_minor", _("value of the goods")),
        sum_of("money_minor", _("money back")),
        "reason",
        "cashier",
        "occurred_at",
        "recorded_at",
    ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str
    ) -> tuple[QuerySet[Refund], bool]:
        return numbered(queryset, search_term) if search_term else queryset, False
