"""The slots of the member page that rewards fill: wallets, entries, receipts.

The page lives in members, which know nothing of points; it names these panels by URL.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.dateparse import parse_datetime

from loyalty_crm.kernel import clock
from members.models import Member, Receipt
from rewards.admin.amounts import money, points
from rewards.admin.causes import explain
from rewards.admin.columns import page_of_receipt
from rewards.admin.statement import statements
from rewards.models import LedgerEntry, Purchase, RulesAcceptance, Wallet

ENTRIES = 10
RECEIPTS = 10


def wallets_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    member = asked_for(request, member_id)
    accepted = RulesAcceptance.objects.filter(member=member).select_related("rules")
    context = {
        "member": member,
        "statements": statements(member, clock.now()),
        "accepted": accepted.defer("rules__text").order_by("-rules__number").first(),
    }
    return render(request, "admin/rewards/_wallets.html", context)


def entries_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    """Newest first, of one wallet: its entries are numbered, so any depth costs one index read."""
    member = asked_for(request, member_id)
    wallets = list(Wallet.objects.filter(member=member).order_by("pk"))
    wallets.sort(key=lambda wallet: wallet.kind != Wallet.Kind.POINTS)
    chosen = request.GET.get("wallet", "")
    wallet = next(
        (one for one in wallets if str(one.pk) == chosen), wallets[0] if wallets else None
    )
    entries = LedgerEntry.objects.filter(wallet=wallet).select_related("tx", "wallet__programme")
    if (before := request.GET.get("before", "")).isdecimal():
        entries = entries.filter(seq__lt=int(before))
    rows = list(entries.order_by("-seq")[: ENTRIES + 1])
    context = {
        "member": member,
        "wallets": wallets,
        "wallet": wallet,
        "rows": explain(rows[:ENTRIES]),
        "more": len(rows) > ENTRIES,
    }
    return render(request, "admin/rewards/_entries.html", context)


def receipts_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    """Newest first by the time of buying; the place of the last one seen is its time and id."""
    member = asked_for(request, member_id)
    receipts = Receipt.objects.filter(member=member).select_related(
        "store", "purchase__wallet__programme"
    )
    at, _, pk = request.GET.get("before", "").partition("~")
    if (moment := _moment(at)) and pk.isdecimal():
        receipts = receipts.filter(
            Q(occurred_at__lt=moment) | Q(occurred_at=moment, pk__lt=int(pk))
        )
    rows = list(receipts.order_by("-occurred_at", "-pk")[: RECEIPTS + 1])
    context = {
        "member": member,
        "rows": [_sale(row) for row in rows[:RECEIPTS]],
        "more": len(rows) > RECEIPTS,
    }
    return render(request, "admin/rewards/_receipts.html", context)


def asked_for(request: HttpRequest, member_id: int) -> Member:
    if not (
        request.user.has_perm("members.view_member")
        and request.user.has_perm("rewards.view_wallet")
    ):
        raise PermissionDenied
    return get_object_or_404(Member, pk=member_id)


def _moment(text: str) -> Any:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _sale(receipt: Receipt) -> dict[str, Any]:
    purchase: Purchase | None = getattr(receipt, "purchase", None)
    programme = purchase.wallet.programme if purchase and purchase.wallet else None
    return {
        "receipt": receipt,
        "url": page_of_receipt(receipt),
        "total": money(receipt.total_minor, receipt.currency),
        "earned": points(programme, purchase.earned)
        if purchase and programme and purchase.earned
        else "",
        "spent": points(programme, purchase.redeemed)
        if purchase and programme and purchase.redeemed
        else "",
    }
