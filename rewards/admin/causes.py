"""Why an entry of the ledger is there: the receipt, the rules and the lines behind it.

A page of entries costs the same six queries whatever stands on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from loyalty_crm.kernel.staff import names_of
from members.models import Receipt, RefundLine
from rewards.admin.amounts import money, points, shown, signed
from rewards.models import Grant, LedgerEntry, Purchase, PurchaseRefund, Wallet


@dataclass(frozen=True, slots=True)
class Detail:
    """One line under an entry: which rule (with its page), what of, and how much."""

    what: str
    amount: str
    rule: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """An entry as people read it."""

    entry: LedgerEntry
    amount: str
    balance: str
    actor: str
    headline: str = ""
    url: str = ""
    details: list[Detail] = field(default_factory=list)


def explain(entries: Sequence[LedgerEntry]) -> list[Explained]:
    """Entries with ``tx`` and ``wallet__programme`` fetched; the order stays."""
    txs = [entry.tx_id for entry in entries]
    sales = _sales(txs)
    returns = {one.tx_id: one for one in _returns(txs)}
    grants = _grants({sale.receipt_id for sale in sales.values()})
    goods = _goods(one.refund_id for one in returns.values())
    actors = names_of(entry.tx.actor for entry in entries)
    explained = []
    for entry in entries:
        headline, url, details = "", "", []
        if sale := sales.get(entry.tx_id):
            headline, url = _of_receipt(sale.receipt), _url(sale)
            details = _of_sale(entry, sale, grants[sale.receipt_id])
        elif refund := returns.get(entry.tx_id):
            headline, url = (
                _of_refund(refund),
                reverse("admin:members_receipt_change", args=[refund.refund.receipt_id]),
            )
            details = goods[refund.refund_id]
        explained.append(
            Explained(
                entry=entry,
                amount=signed(entry.wallet, entry.amount),
                balance=shown(entry.wallet, entry.balance_after),
                actor=actors[entry.tx.actor],
                headline=headline,
                url=url,
                details=details,
            )
        )
    return explained


def _sales(txs: list[int]) -> dict[int, Purchase]:
    """By transaction: points of a sale are posted with it, or later when they become active."""
    behind = Purchase.objects.select_related("receipt__store", "pending")
    at_once = {sale.tx_id: sale for sale in behind.filter(tx__in=txs)}
    paid = {sale.redeem_tx_id: sale for sale in behind.filter(redeem_tx__in=txs)}
    later = {
        sale.pending.posted_tx_id: sale
        for sale in behind.filter(pending__posted_tx__in=txs)
        if sale.pending
    }
    return {tx: sale for tx, sale in {**later, **at_once, **paid}.items() if tx is not None}


def _returns(txs: list[int]) -> list[PurchaseRefund]:
    return list(PurchaseRefund.objects.filter(tx__in=txs).select_related("refund__receipt__store"))


def _grants(receipts: Iterable[int]) -> dict[int, list[Grant]]:
    found: dict[int, list[Grant]] = defaultdict(list)
    known = Grant.objects.filter(Q(line__receipt__in=list(receipts)) & ~Q(points=0))
    for grant in known.select_related("line", "version__promotion").order_by(
        "line__line_no", "version_id"
    ):
        found[grant.line.receipt_id].append(grant)
    return found


def _goods(refunds: Iterable[int]) -> dict[int, list[Detail]]:
    found: dict[int, list[Detail]] = defaultdict(list)
    lines = RefundLine.objects.filter(refund__in=list(refunds)).select_related("line__receipt")
    for one in lines.order_by("line__line_no"):
        what = _("line %(number)s, %(name)s") % {
            "number": one.line.line_no,
            "name": one.line.name or one.line.sku,
        }
        found[one.refund_id].append(Detail(what, money(one.net_minor, one.line.receipt.currency)))
    return found


def _url(sale: Purchase) -> str:
    return reverse("admin:rewards_purchase_change", args=[sale.pk])


def _of_receipt(receipt: Receipt) -> str:
    return _("receipt %(number)s, %(store)s, %(total)s") % {
        "number": receipt.number,
        "store": receipt.store.name,
        "total": money(receipt.total_minor, receipt.currency),
    }


def _of_refund(refund: PurchaseRefund) -> str:
    return _("refund %(refund)s of receipt %(number)s, %(store)s") % {
        "refund": refund.refund.number,
        "number": refund.refund.receipt.number,
        "store": refund.refund.receipt.store.name,
    }


def _of_sale(entry: LedgerEntry, sale: Purchase, grants: list[Grant]) -> list[Detail]:
    if entry.kind == LedgerEntry.Kind.REDEEM:
        paid = money(sale.receipt.points_paid_minor, sale.receipt.currency)
        return [Detail(_("paid with points"), paid)]
    return [_of_grant(grant, entry.wallet, sale.receipt.currency) for grant in grants]


def _of_grant(grant: Grant, wallet: Wallet, currency: str) -> Detail:
    rule = {"rule": grant.version.promotion.name, "version": grant.version.number}
    words = {
        "number": grant.line.line_no,
        "name": grant.line.name or grant.line.sku,
        "base": money(grant.base_minor, currency),
    }
    return Detail(
        what=_("line %(number)s, %(name)s, from %(base)s") % words,
        amount=f"+{points(wallet.programme, grant.points)}",
        rule=_("%(rule)s, version %(version)s") % rule,
        url=reverse("admin:rewards_promotion_change", args=[grant.version.promotion_id]),
    )
