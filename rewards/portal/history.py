"""Every movement of the points with its reason: the receipt, the rules, the words of the staff."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q, Sum
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from loyalty_crm.kernel.points import Points
from members.portal.access import Visit, signed_in
from rewards.models import Grant, LedgerEntry, Purchase, PurchaseRefund, Wallet
from rewards.portal.points import wallet_of

PAGE = 20
Kind = LedgerEntry.Kind


@dataclass(frozen=True, slots=True)
class Why:
    """One rule, and how many points it gave."""

    rule: str
    points: Points


@dataclass(frozen=True, slots=True)
class Moved:
    """One entry as the member reads it."""

    entry: LedgerEntry
    points: Points
    balance: Points
    gained: bool
    title: str
    whys: list[Why] = field(default_factory=list)


@require_safe
@signed_in
def history_page(visit: Visit) -> HttpResponse:
    """Newest first. Entries of a wallet are numbered, so any page is one index read."""
    wallet = wallet_of(visit.member)
    before = visit.request.GET.get("before", "")
    rows = entries_of(wallet, before) if wallet else []
    context = {
        "rows": explained(wallet, rows[:PAGE]) if wallet else [],
        "next": rows[PAGE - 1].seq if len(rows) > PAGE else None,
        "first": not before,
    }
    is_more = visit.request.headers.get("HX-Request") == "true"
    return visit.show("portal/_history.html" if is_more else "portal/history.html", context)


def entries_of(wallet: Wallet, before: str) -> list[LedgerEntry]:
    entries = LedgerEntry.objects.filter(wallet=wallet).select_related("tx")
    # Numbers of entries fit into a bigint; whatever else is asked for is the first page.
    if before.isdecimal() and len(before) < 18:
        entries = entries.filter(seq__lt=int(before))
    return list(entries.order_by("-seq")[: PAGE + 1])


def explained(wallet: Wallet, entries: Sequence[LedgerEntry]) -> list[Moved]:
    """Three more queries, whatever stands on the page."""
    txs = [entry.tx_id for entry in entries]
    sales = _sales(txs)
    returns = {
        one.tx_id: one
        for one in PurchaseRefund.objects.filter(tx__in=txs).select_related(
            "refund__receipt__store"
        )
    }
    rules = _rules(wallet, {sale.receipt_id for sale in sales.values()})
    return [_moved(wallet, entry, sales, returns, rules) for entry in entries]


def _sales(txs: list[int]) -> dict[int, Purchase]:
    """By transaction: points of a sale come with it, or later when they become active."""
    found: dict[int, Purchase] = {}
    asked = Q(tx__in=txs) | Q(redeem_tx__in=txs) | Q(pending__posted_tx__in=txs)
    for sale in Purchase.objects.filter(asked).select_related("receipt__store", "pending"):
        later = sale.pending.posted_tx_id if sale.pending else None
        for tx in (later, sale.tx_id, sale.redeem_tx_id):
            if tx is not None:
                found[tx] = sale
    return found


def _rules(wallet: Wallet, receipts: Iterable[int]) -> dict[int, list[Why]]:
    """By receipt: each promotion by name with all the points it gave there."""
    granted = (
        Grant.objects.filter(line__receipt__in=list(receipts))
        .exclude(points=0)
        .values("line__receipt_id", "version__promotion__name")
        .annotate(total=Sum("points"))
        .order_by("-total")
    )
    found: dict[int, list[Why]] = defaultdict(list)
    for row in granted:
        points = Points(row["total"], wallet.programme.points_scale)
        found[row["line__receipt_id"]].append(Why(row["version__promotion__name"], points))
    return found


def _moved(
    wallet: Wallet,
    entry: LedgerEntry,
    sales: dict[int, Purchase],
    returns: dict[int | None, PurchaseRefund],
    rules: dict[int, list[Why]],
) -> Moved:
    scale = wallet.programme.points_scale
    sale, back = sales.get(entry.tx_id), returns.get(entry.tx_id)
    whys = rules[sale.receipt_id] if sale and entry.kind == Kind.EARN else []
    return Moved(
        entry=entry,
        points=Points(abs(entry.amount), scale),
        balance=Points(entry.balance_after, scale),
        gained=entry.amount > 0,
        title=_of_sale(sale) if sale else _of_return(back) if back else _otherwise(entry),
        whys=whys,
    )


def _of_sale(sale: Purchase) -> str:
    names = {"store": sale.receipt.store.name, "number": sale.receipt.number}
    return _("%(store)s, receipt %(number)s") % names


def _of_return(back: PurchaseRefund) -> str:
    receipt = back.refund.receipt
    names = {"store": receipt.store.name, "number": receipt.number}
    return _("%(store)s, return of receipt %(number)s") % names


def _otherwise(entry: LedgerEntry) -> str:
    """What was written when it happened, else what kind of movement it is."""
    said = {
        Kind.EXPIRE: _("Points that were not used in time"),
        Kind.EARN: _("Points for taking part"),
        Kind.REDEEM: _("Spent"),
        Kind.RESTORE: _("Given back"),
        Kind.CLAWBACK: _("Taken back"),
    }
    return entry.tx.reason or said.get(Kind(entry.kind), "") or _("Correction")
