"""What a shift did, for the person who worked it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from members.models import Receipt, Refund, Shift, Tender
from members.till.access import staff_only
from rewards.services.programmes import default_programme
from rewards.till.show import Shower
from rewards.till.tenders import tender_name


@dataclass(frozen=True, slots=True)
class ShownTender:
    name: str
    amount: Money


@dataclass(frozen=True, slots=True)
class ShiftReport:
    sales: int
    with_card: int
    sold: Money
    tenders: list[ShownTender]
    refunds: int
    given_back: Money
    earned: Points
    redeemed: Points


@require_http_methods(["GET"])
@staff_only
def shift_report(request: HttpRequest, user: User, shift_id: int) -> HttpResponse:
    """The panel of an own shift, open or closed; nobody else's."""
    shift = get_object_or_404(
        Shift.objects.filter(user=user).select_related("terminal"), pk=shift_id
    )
    report = report_of(shift, user.get_username(), Shower.of(default_programme()))
    return render(request, "till/_report.html", {"report": report})


def report_of(shift: Shift, cashier: str, shower: Shower) -> ShiftReport:
    """Three sums over the store's own index of receipts, whatever the store has sold before."""
    sales = _receipts(shift, cashier).aggregate(
        count=Count("id"),
        with_card=Count("id", filter=Q(member__isnull=False)),
        sold=Sum("total_minor", default=0),
        earned=Sum("purchase__earned", default=0),
        redeemed=Sum("purchase__redeemed", default=0),
    )
    back = _refunds(shift, cashier).aggregate(
        count=Count("id"), money=Sum("money_minor", default=0)
    )
    return ShiftReport(
        sales=sales["count"],
        with_card=sales["with_card"],
        sold=shower.money(sales["sold"]),
        tenders=_tenders(shift, cashier, shower),
        refunds=back["count"],
        given_back=shower.money(back["money"]),
        earned=shower.points(sales["earned"]),
        redeemed=shower.points(sales["redeemed"]),
    )


def _receipts(shift: Shift, cashier: str) -> QuerySet[Receipt]:
    during = Receipt.objects.filter(
        store_id=shift.terminal.store_id, occurred_at__gte=shift.opened_at
    )
    if shift.closed_at:
        during = during.filter(occurred_at__lte=shift.closed_at)
    return during.filter(terminal=shift.terminal, cashier=cashier)


def _refunds(shift: Shift, cashier: str) -> QuerySet[Refund]:
    during = Refund.objects.filter(
        store_id=shift.terminal.store_id, occurred_at__gte=shift.opened_at
    )
    if shift.closed_at:
        during = during.filter(occurred_at__lte=shift.closed_at)
    return during.filter(cashier=cashier)


def _tenders(shift: Shift, cashier: str, shower: Shower) -> list[ShownTender]:
    paid = Tender.objects.filter(receipt__in=_receipts(shift, cashier).values("pk"))
    sums = paid.values(name=F("kind")).annotate(amount=Sum("amount_minor")).order_by("name")
    return [ShownTender(tender_name(row["name"]), shower.money(row["amount"])) for row in sums]
