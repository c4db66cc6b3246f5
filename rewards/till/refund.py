"""Refund by receipt: find it, see what would happen, then let it happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from members.models import Receipt, ReceiptLine, Refund
from members.rules.identities import masked_name
from members.till.access import Desk, at_till
from members.till.once import once
from rewards.models import PurchaseRefund
from rewards.services.checkout.refunding import refund_purchase
from rewards.services.checkout.views import Refunded
from rewards.services.programmes import default_programme
from rewards.till.entry import quantity_text
from rewards.till.refund_form import RefundForm
from rewards.till.refund_limits import may_void, refuse_beyond_limits
from rewards.till.show import Shower


@dataclass(frozen=True, slots=True)
class ShownLine:
    line_no: int
    sku: str
    name: str
    quantity: str
    net: Money
    left: str
    net_left: Money
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Preview:
    net: Money
    money: Money
    to_cards: list[tuple[str, Money]]
    to_pay: Money
    restored: Points
    clawed_back: Points
    written_off: Points | None
    balance_after: Points | None
    is_void: bool
    form: list[tuple[str, str]]


@require_http_methods(["GET", "POST"])
@at_till
def refund(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Ask for the receipt's number; receipts of other stores are not found."""
    if request.method == "GET":
        return render(request, "till/refund.html", {"desk": desk})
    number = request.POST.get("number", "").strip()[:80]
    found = (
        Receipt.objects.filter(store=desk.store, number=number)
        .values_list("public_id", flat=True)
        .first()
    )
    if found:
        return redirect("till:refund-receipt", found)
    problem = (
        _("This store has no receipt with this number.")
        if number
        else _("Scan or type the receipt number.")
    )
    return render(
        request,
        "till/refund.html",
        {"desk": desk, "number": number, "problem": problem},
        status=422,
    )


@require_http_methods(["GET"])
@at_till
def refund_receipt(request: HttpRequest, desk: Desk, receipt_id: UUID) -> HttpResponse:
    """The receipt, line by line, with what may still come back."""
    receipt = _receipt(desk, receipt_id)
    lines = [_shown(line, receipt.currency) for line in receipt.lines.order_by("line_no")]
    left = sum(line.net_left.minor for line in lines)
    context = _context(desk, receipt) | {
        "lines": lines,
        "left": f"{Money(left, receipt.currency).as_decimal():f}",
        "refunds": receipt.refunds.order_by("id"),
        "may_return": receipt.state != Receipt.State.VOIDED
        and not all(line.is_gone for line in lines),
        "may_void": may_void(receipt, desk, clock.now()),
    }
    return render(request, "till/refund_receipt.html", context)


def _receipt(desk: Desk, receipt_id: UUID) -> Receipt:
    own = Receipt.objects.filter(store=desk.store).select_related("store", "member")
    return get_object_or_404(own, public_id=receipt_id)


def _context(desk: Desk, receipt: Receipt) -> dict[str, Any]:
    name = (masked_name(receipt.member.name) or _("no name")) if receipt.member else ""
    return {"desk": desk, "receipt": receipt, "member": name, "may_return": True}


def _shown(line: ReceiptLine, currency: str) -> ShownLine:
    left = line.quantity_milli - line.refunded_quantity_milli
    net_left = line.net_minor - line.refunded_minor
    return ShownLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name or line.sku,
        quantity=quantity_text(line.quantity_milli),
        net=Money(line.net_minor, currency),
        left=quantity_text(left),
        net_left=Money(net_left, currency),
        is_gone=not net_left and not (left and not line.net_minor),
    )


@require_POST
@at_till
def refund_preview(request: HttpRequest, desk: Desk, receipt_id: UUID) -> HttpResponse:
    """What the refund would do: it is done, read, and undone in one transaction."""
    receipt = _receipt(desk, receipt_id)
    form = RefundForm(request.POST, currency=receipt.currency)
    context, status = _context(desk, receipt), 200
    if not form.is_valid():
        context["problem"], status = form.problem(), 422
    elif not form.is_empty():
        try:
            context["preview"] = _rehearse(form, desk, receipt)
        except DomainError as refusal:
            context["problem"], status = _words(refusal, receipt), 422
    return render(request, "till/_refund_preview.html", context, status=status)


def _rehearse(form: RefundForm, desk: Desk, receipt: Receipt) -> Preview:
    number = next_number(receipt, form.is_void)
    with transaction.atomic():
        done = _refund(form, desk, receipt, number)
        moved = PurchaseRefund.objects.get(refund__public_id=done.refund.id)
        transaction.set_rollback(True)
    shower = Shower.of(default_programme())
    return Preview(
        net=shower.money(done.refund.net_minor),
        money=shower.money(done.refund.money_minor),
        to_cards=[
            (one.last4, shower.money(one.amount)) for one in done.refund.gift_cards if one.to_card
        ],
        to_pay=shower.money(done.refund.to_pay_minor),
        restored=shower.points(moved.restored),
        clawed_back=shower.points(moved.clawed_back),
        written_off=shower.points(moved.written_off) if moved.written_off else None,
        balance_after=None if done.balance is None else shower.points(done.balance),
        is_void=form.is_void,
        form=[*form.kept(), ("key", str(uuid4())), ("number", number)],
    )


def _refund(form: RefundForm, desk: Desk, receipt: Receipt, number: str) -> Refunded:
    """Do it; what it turned out to be worth decides whether this person may."""
    done = refund_purchase(
        public_id=receipt.public_id,
        ask=form.ask(
            store=desk.store.code,
            number=number,
            cashier=desk.shift.user.get_username(),
            at=clock.now(),
        ),
        programme=default_programme(),
        now=clock.now(),
        actor=desk.actor,
    )
    refuse_beyond_limits(receipt, desk, money_minor=done.refund.money_minor, is_void=form.is_void)
    return done


def next_number(receipt: Receipt, is_void: bool) -> str:
    """The return's own number, told by the receipt: what two tills do at once meets at it."""
    return f"{receipt.number}-V" if is_void else f"{receipt.number}-R{receipt.refunds.count() + 1}"


def _words(refusal: DomainError, receipt: Receipt) -> str:
    left = refusal.detail.get("left")
    if refusal.code != "refund_exceeds_original" or not isinstance(left, int):
        return refusal.message
    if not left:
        return _("Nothing of this can come back any more.")
    most = (
        quantity_text(left)
        if refusal.detail.get("unit") == "quantity"
        else str(Money(left, receipt.currency))
    )
    return _("More comes back than is left: at most %(most)s.") % {"most": most}


@require_POST
@at_till
def refund_do(request: HttpRequest, desk: Desk, receipt_id: UUID) -> HttpResponse:
    """Do what the preview showed, once."""
    receipt = _receipt(desk, receipt_id)
    form = RefundForm(request.POST, currency=receipt.currency)
    if not (form.is_valid() and form.cleaned_data["key"] and form.cleaned_data["number"]):
        return redirect("till:refund-receipt", receipt_id)
    data = form.cleaned_data
    try:
        done = once(
            operation=f"till.refund:{receipt_id}",
            key=data["key"],
            asked=form.kept(),
            work=lambda: {"refund": str(_refund(form, desk, receipt, data["number"]).refund.id)},
            desk=desk,
        )
    except DomainError as refusal:
        context = _context(desk, receipt) | {"problem": _words(refusal, receipt)}
        context["is_open"] = refusal.code == "idempotency_in_flight"
        return render(request, "till/refund_refused.html", context, status=422)
    return redirect("till:refunded", done["refund"])


@require_http_methods(["GET"])
@at_till
def refunded(request: HttpRequest, desk: Desk, refund_id: UUID) -> HttpResponse:
    """What a refund did. It may be opened again."""
    refunds = Refund.objects.filter(store=desk.store)
    rows = refunds.select_related(
        "receipt__member", "receipt__purchase__wallet__programme", "rewards"
    )
    done = get_object_or_404(rows, public_id=refund_id)
    shower = Shower.of(default_programme())
    wallet, moved = done.receipt.purchase.wallet, done.rewards
    currency = done.receipt.currency
    to_cards = list(done.gift_returns.filter(tx__isnull=False).select_related("payment__card"))
    on_cards = sum(one.amount_minor for one in to_cards)
    context = _context(desk, done.receipt) | {
        "refund": done,
        "to_cards": [
            (one.payment.card.last4, Money(one.amount_minor, currency)) for one in to_cards
        ],
        "to_pay": Money(done.money_minor - on_cards, currency),
        "money": Money(done.money_minor, done.receipt.currency),
        "restored": shower.points(moved.restored),
        "clawed_back": shower.points(moved.clawed_back),
        "written_off": shower.points(moved.written_off) if moved.written_off else None,
        "balance": shower.points(wallet.posted) if wallet else None,
    }
    return render(request, "till/refund_done.html", context)
