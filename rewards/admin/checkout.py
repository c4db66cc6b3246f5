"""Purchases and refunds as rewards see them: what was granted, by which rule, on which line."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from members.admin.lens import lens_of
from members.admin.purchases import numbered
from members.models import Receipt
from rewards.admin.amounts import expiry, money, points
from rewards.admin.columns import owner, veiled_member
from rewards.models import Grant, Programme, Purchase, PurchaseRefund
from rewards.services.checkout.reasons import in_words

QUANTITY = 1000


def programme_of(purchase: Purchase) -> Programme:
    """Receipts without a wallet are counted as the default programme counts."""
    if purchase.wallet:
        return purchase.wallet.programme
    return Programme.objects.filter(is_default=True).first() or Programme()


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    ordering = ["-receipt_id"]
    sortable_by = ()
    search_fields = ["receipt__number"]
    search_help_text = _("The whole receipt number")
    list_select_related = ["receipt__store", "wallet__programme", "wallet__member"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        lens = lens_of(request.user)
        return ["number", veiled_member(lens), "bought_at", "store", "total", "earns", "spends"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Purchase]:
        return Purchase.objects.select_related(*self.list_select_related).defer("decisions")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Purchase], search_term: str
    ) -> tuple[QuerySet[Purchase], bool]:
        receipts = numbered(Receipt.objects.all(), search_term)
        return (queryset.filter(receipt__in=receipts) if search_term else queryset), False

    @admin.display(description=_("receipt"))
    def number(self, purchase: Purchase) -> str:
        return purchase.receipt.number

    @admin.display(description=_("bought at"))
    def bought_at(self, purchase: Purchase) -> Any:
        return purchase.receipt.occurred_at

    @admin.display(description=_("store"))
    def store(self, purchase: Purchase) -> str:
        return purchase.receipt.store.name

    @admin.display(description=_("total to pay"))
    def total(self, purchase: Purchase) -> str:
        return money(purchase.receipt.total_minor, purchase.receipt.currency)

    @admin.display(description=_("points earned"))
    def earns(self, purchase: Purchase) -> str:
        return points(purchase.wallet.programme, purchase.earned) if purchase.wallet else ""

    @admin.display(description=_("points spent"))
    def spends(self, purchase: Purchase) -> str:
        return points(purchase.wallet.programme, purchase.redeemed) if purchase.wallet else ""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The receipt line by line, and every rule that was asked, with what it answered."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        known = Purchase.objects.select_related(
            *self.list_select_related, "receipt__member", "pending"
        )
        purchase = get_object_or_404(known, pk=object_id if object_id.isdecimal() else None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": purchase.receipt.number,
            "purchase": purchase,
            "receipt": purchase.receipt,
            "member": owner(lens_of(request.user), purchase.wallet),
            "expires": last_day(purchase),
            "lines": lines(purchase),
            "decisions": decisions(purchase),
            **sums(purchase),
        }
        return TemplateResponse(request, "admin/rewards/purchase.html", context)


@admin.register(PurchaseRefund)
class PurchaseRefundAdmin(ReadOnlyAdmin):
    ordering = ["-refund_id"]
    sortable_by = ()
    list_select_related = ["refund__receipt__store", "refund__receipt__purchase__wallet__programme"]
    list_display = ["number", "receipt", "happened_at", "taken", "waiting", "given", "lost"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseRefund]:
        return PurchaseRefund.objects.select_related(*self.list_select_related)

    @admin.display(description=_("refund number"))
    def number(self, row: PurchaseRefund) -> str:
        return row.refund.number

    @admin.display(description=_("receipt"))
    def receipt(self, row: PurchaseRefund) -> str:
        return f"{row.refund.receipt.number}, {row.refund.receipt.store.name}"

    @admin.display(description=_("occurred at"))
    def happened_at(self, row: PurchaseRefund) -> Any:
        return row.refund.occurred_at

    @admin.display(description=_("points taken back"))
    def taken(self, row: PurchaseRefund) -> str:
        return self._points(row, row.clawed_back)

    @admin.display(description=_("of them not yet active"))
    def waiting(self, row: PurchaseRefund) -> str:
        return self._points(row, row.from_pending)

    @admin.display(description=_("points given back"))
    def given(self, row: PurchaseRefund) -> str:
        return self._points(row, row.restored)

    @admin.display(description=_("points written off"))
    def lost(self, row: PurchaseRefund) -> str:
        return self._points(row, row.written_off)

    def _points(self, row: PurchaseRefund, minor: int) -> str:
        purchase: Purchase | None = getattr(row.refund.receipt, "purchase", None)
        return points(purchase.wallet.programme, minor) if purchase and purchase.wallet else ""


def last_day(purchase: Purchase) -> str:
    return (
        expiry(purchase.lots_expire_at, programme_of(purchase)) if purchase.lots_expire_at else ""
    )


def lines(purchase: Purchase) -> list[dict[str, Any]]:
    """Each line with its price and the points that each rule granted on it."""
    programme, currency = programme_of(purchase), purchase.receipt.currency
    granted: dict[int, list[str]] = {}
    grants = Grant.objects.filter(line__receipt=purchase.receipt_id).select_related(
        "version__promotion"
    )
    for grant in grants.order_by("version_id"):
        rule = f"{grant.version.promotion.name}, v{grant.version.number}"
        said = f"+{points(programme, grant.points)} · {rule}"
        granted.setdefault(grant.line_id, []).append(said)
    return [
        {
            "line": line,
            "quantity": f"{line.quantity_milli / QUANTITY:g}",
            "gross": money(line.gross_minor, currency),
            "discount": money(line.discount_minor, currency) if line.discount_minor else "",
            "paid": money(line.points_paid_minor, currency) if line.points_paid_minor else "",
            "net": money(line.net_minor, currency),
            "returned": money(line.refunded_minor, currency) if line.refunded_minor else "",
            "granted": granted.get(line.pk, []),
        }
        for line in purchase.receipt.lines.order_by("line_no")
    ]


def decisions(purchase: Purchase) -> list[dict[str, Any]]:
    return [
        {**decision, "says": in_words(decision, purchase.receipt.currency)}
        for decision in purchase.decisions
    ]


def sums(purchase: Purchase) -> dict[str, Any]:
    """The tiles of the page: money of the receipt, points of the purchase."""
    programme, receipt = programme_of(purchase), purchase.receipt
    tiles = [
        (_("total to pay"), money(receipt.total_minor, receipt.currency)),
        (_("discounts"), money(receipt.discount_minor, receipt.currency)),
        (_("points earned"), points(programme, purchase.earned)),
        (_("points spent"), points(programme, purchase.redeemed)),
    ]
    after_returns = [
        (_("points taken back"), purchase.clawed_back),
        (_("points given back"), purchase.restored),
        (_("points written off"), purchase.written_off),
    ]
    return {
        "tiles": tiles
        + [(title, points(programme, minor)) for title, minor in after_returns if minor]
    }
