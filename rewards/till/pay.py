"""Take the sale: tenders, receipt number, and the page for the next customer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel.errors import DomainError, IdempotencyKeyReused, ValidationFailed
from loyalty_crm.kernel.money import Money, exponent
from members.models import Receipt
from members.rules.identities import masked_name
from members.till.access import Desk, at_till
from members.till.once import OnceForm, once
from rewards.models import GiftCard, LedgerEntry
from rewards.services.checkout.asks import AskedTender, Sale
from rewards.services.checkout.committing import commit_purchase
from rewards.till.counter import Counter, at_counter
from rewards.till.done import given_with
from rewards.till.entry import NotReadable, read_money
from rewards.till.gift_pay import (
    hold_of,
    let_go,
    paid_by_cards,
    paid_with,
    shown_payments,
    tenders_of,
)
from rewards.till.show import Shower
from rewards.till.tenders import NAMES, kinds_of, known, picks_of, tender_name

CHANGE_KEY = "till_change"
_TYPED = {"inputmode": "decimal", "autocomplete": "off", "class": "figure-input", "data-tender": ""}
CASH = "cash"
LABELS = {CASH: gettext_lazy("Cash received"), "card": gettext_lazy("By bank card")}


class MoneyField(forms.CharField):
    """An amount paid in one way, as minor units; empty is nothing."""

    def __init__(self, kind: str, currency: str, *, is_first: bool) -> None:
        typed = forms.TextInput(attrs=_TYPED | ({"data-next": ""} if is_first else {}))
        label = LABELS.get(kind) or tender_name(kind)
        super().__init__(required=False, max_length=20, widget=typed, label=label)
        self.currency = currency

    def clean(self, value: object) -> int:
        text = super().clean(value)
        try:
            return read_money(text, self.currency) if text else 0
        except NotReadable as fault:
            raise forms.ValidationError(_("An amount is a number like 12.50.")) from fault


class PayForm(OnceForm):
    """``seen`` proves which numbers the cashier was shown; ``due`` is the total among them.

    There is an amount for each of ``kinds``, the ways to pay that were planned.
    """

    seen = forms.CharField(widget=forms.HiddenInput, max_length=500)
    due = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    kinds = forms.CharField(widget=forms.HiddenInput, max_length=900)
    number = forms.CharField(
        max_length=80, error_messages={"required": gettext_lazy("A sale needs its receipt number.")}
    )

    def __init__(self, *args: Any, currency: str, kinds: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = {kind: _name(kind) for kind in kinds}
        for position, (kind, name) in enumerate(self.names.items()):
            self.fields[name] = MoneyField(kind, currency, is_first=not position)
        self.initial.setdefault("kinds", ",".join(kinds))

    @property
    def amounts(self) -> list[forms.BoundField]:
        return [self[name] for name in self.names.values()]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if self._cashless > data["due"]:
            typed = [name for name in self.names.values() if name != CASH and data[name]]
            self.add_error(typed[-1], _("A card pays no more than the total."))
        elif self.change < 0:
            self.add_error(
                next(iter(self.names.values())), _("This is less than the total to pay.")
            )
        return data

    @property
    def _cashless(self) -> int:
        return sum(self.cleaned_data[name] for name in self.names.values() if name != CASH)

    @property
    def change(self) -> int:
        data = self.cleaned_data
        return int(data.get(CASH, 0) + self._cashless - data["due"])

    def tenders(self) -> tuple[AskedTender, ...]:
        """What stays in the drawer: cash less the change, and what cards and the like paid."""
        amounts = {kind: self.cleaned_data[name] for kind, name in self.names.items()}
        if CASH in amounts:
            amounts[CASH] = self.cleaned_data["due"] - self._cashless
        return tuple(
            AskedTender(kind=kind, amount_minor=amount)
            for kind, amount in amounts.items()
            if amount
        )

    def asked(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.cleaned_data.items() if name not in ("key", "seen")
        }


@require_http_methods(["GET", "POST"])
@at_counter
def pay(counter: Counter) -> HttpResponse:
    """Show what is due; take the money once, and only for the numbers that were shown."""
    if counter.request.method == "POST":
        form = _posted(counter)
        return _take(counter, form) if form.is_valid() else _show(counter, form)
    return _show(counter) if counter.basket.lines else redirect("till:sale")


@require_POST
@at_counter
def pay_by(counter: Counter) -> HttpResponse:
    """How the rest shall be paid, so that offers for one way to pay stand in the numbers."""
    planned = counter.request.POST.get("kinds", "").split(",")
    counter.basket.pay_by = known(planned, counter.rules.rules)
    counter.basket.keep(counter.request)
    return redirect("till:pay")


def _posted(counter: Counter) -> PayForm:
    """The amounts of the page that was sent, whatever another page has planned since."""
    sent = counter.request.POST
    kinds = known(sent.get("kinds", "").split(","), counter.rules.rules)
    return PayForm(sent, currency=counter.currency, kinds=kinds or [CASH])


def _take(counter: Counter, form: PayForm) -> HttpResponse:
    key = form.cleaned_data["key"]
    try:
        sold = once(
            operation="till.sale",
            key=key,
            asked=form.asked(),
            work=lambda: _sell(counter, form),
            desk=counter.desk,
        )
    except DomainError as refusal:
        form.add_error("number" if refusal.code == "source_ref_conflict" else None, _words(refusal))
        return _refused(counter, form, refusal)
    counter.basket.sold(counter.request, key)
    counter.request.session[CHANGE_KEY] = sold
    return redirect("till:sold", sold["receipt"])


def _sell(counter: Counter, form: PayForm) -> dict[str, Any]:
    if not counter.basket.lines:
        raise ValidationFailed(_("The basket is empty"))
    data, tenders = form.cleaned_data, (*form.tenders(), *tenders_of(counter.basket))
    # Paid is paid: the tenders say by what, whatever was planned.
    paid_by = tuple(sorted({tender.kind for tender in tenders}))
    sale = Sale(
        ask=msgspec.structs.replace(counter.exact_ask(), pay_by=paid_by),
        number=data["number"].strip(),
        cashier=counter.request.user.get_username(),
        tenders=tenders,
        quote_id=data["seen"],
        hold_id=hold_of(counter.basket),
    )
    done = commit_purchase(
        sale=sale, compiled=counter.rules, now=counter.at, actor=counter.desk.actor
    )
    return {"receipt": str(done.view.id), "change": form.change}


def _name(kind: str) -> str:
    """Of the field: a kind that an offer made up may be called like another field."""
    return kind if kind in NAMES else f"by-{kind}"


def _words(refusal: DomainError) -> str:
    match refusal.code:
        case "source_ref_conflict":
            return _("A receipt with this number exists already.")
        case "idempotency_key_reused":
            return _(
                "This basket was sold already. Look at the last receipt before you sell it again."
            )
        case "idempotency_in_flight":
            return _(
                "The sale is still on its way. Wait a moment and take it again: it sells once."
            )
        case "quote_stale" | "quote_invalid" | "tenders_mismatch":
            return _("The numbers have changed. Look at the new total and take the payment again.")
        case _:
            return refusal.message


def _refused(counter: Counter, form: PayForm, refusal: DomainError) -> HttpResponse:
    """A key that has its answer is spent, so the basket gets a new one.

    While the first request still runs, and wherever a repeat may succeed, the key stays: the
    same form again must not sell a second time.
    """
    if refusal.stored or isinstance(refusal, IdempotencyKeyReused):
        counter.basket.key = str(uuid4())
        let_go(counter.basket, counter.desk)
        _plan_as_paid(counter, form, refusal)
        counter.basket.keep(counter.request)
    return _show(counter, form)


def _plan_as_paid(counter: Counter, form: PayForm, refusal: DomainError) -> None:
    """The new numbers are those of the way to pay that was typed: the next try finds them true."""
    if refusal.code == "quote_stale" and counter.rules.rules.needs.tenders:
        counter.basket.pay_by = known((one.kind for one in form.tenders()), counter.rules.rules)


def _show(counter: Counter, refused: PayForm | None = None) -> HttpResponse:
    """The fresh numbers, with what was typed when it was refused."""
    try:
        quote = counter.quote(counter.exact_ask())
    except DomainError:
        return redirect("till:sale")
    shower, total = counter.shower, quote.totals.total.amount
    if paid_by_cards(counter.basket) > total:
        let_go(counter.basket, counter.desk)
        counter.basket.keep(counter.request)
    due = total - paid_by_cards(counter.basket)
    due_text = f"{shower.money(due).as_decimal():f}"
    fresh = {"key": counter.basket.key, "seen": quote.quote_id, "due": due}
    context = {
        "desk": counter.desk,
        "sale": counter.shown(quote),
        "picks": picks_of(counter.rules.rules, counter.basket.pay_by) if due else [],
        "form": _form(counter, refused, fresh, due_text),
        "gift_cards": shown_payments(counter),
        "may_add_gift_card": due > 0 and GiftCard.objects.exists(),
        "gift_problem": counter.request.session.pop("till_gift_problem", ""),
        "rest": shower.money(due),
        "due": due,
        "due_text": due_text,
        "places": exponent(counter.currency),
        "nothing": f"{shower.money(0).as_decimal():f}",
    }
    return render(counter.request, "till/pay.html", context, status=422 if refused else 200)


def _form(
    counter: Counter, refused: PayForm | None, fresh: dict[str, Any], due_text: str
) -> PayForm:
    if refused is None:
        # Amounts for what is planned, or else for all that is possible.
        kinds = known(counter.basket.pay_by, counter.rules.rules) or kinds_of(counter.rules.rules)
        typed = {_name(kinds[0]): due_text, "number": next_number(counter.desk)}
        return PayForm(currency=counter.currency, kinds=kinds, initial=fresh | typed)
    fresh_text = {name: str(value) for name, value in fresh.items()}
    refused.data = {**dict(refused.data.items()), **fresh_text}
    return refused


def next_number(desk: Desk) -> str:
    """One more than the last receipt that this till numbered itself; another may be typed."""
    prefix = f"{desk.terminal.code}-"
    own = Receipt.objects.filter(
        store=desk.store, terminal=desk.terminal, number__startswith=prefix
    )
    last = own.order_by("-occurred_at", "-id").values_list("number", flat=True).first()
    count = re.search(r"(\d+)$", last or "")
    return f"{prefix}{int(count[1]) + 1 if count else 1:06}"


@require_http_methods(["GET"])
@at_till
def sold(request: HttpRequest, desk: Desk, receipt_id: UUID) -> HttpResponse:
    """What a sale did. It may be opened again; the change is shown for the last one only."""
    receipts = Receipt.objects.filter(store=desk.store).select_related(
        "member", "purchase__wallet__programme"
    )
    receipt = get_object_or_404(receipts, public_id=receipt_id)
    last = request.session.get(CHANGE_KEY, {})
    change = last.get("change", 0) if last.get("receipt") == str(receipt_id) else 0
    context = {"desk": desk, "receipt": receipt, "paid": _money(receipt, receipt.total_minor)}
    context |= {"change": _money(receipt, change), **_rewards(receipt)}
    context |= {"gift_cards": paid_with(receipt)}
    return render(request, "till/done.html", context | {"given": given_with(receipt)})


def _money(receipt: Receipt, minor: int) -> Money:
    return Money(minor, receipt.currency)


def _rewards(receipt: Receipt) -> dict[str, Any]:
    """Points of the receipt and the balance around it, as the ledger wrote it."""
    purchase = receipt.purchase
    if receipt.member is None or purchase.wallet is None:
        return {}
    shower = Shower.of(purchase.wallet.programme)
    entries = list(
        LedgerEntry.objects.filter(tx_id__in=[purchase.tx_id, purchase.redeem_tx_id]).order_by(
            "seq"
        )
    )
    after = entries[-1].balance_after if entries else purchase.wallet.posted
    before = entries[0].balance_after - entries[0].amount if entries else after
    moved = {
        "earned": shower.points(purchase.earned),
        "redeemed": shower.points(purchase.redeemed) if purchase.redeemed else None,
        "pending": purchase.pending_id,
        "before": shower.points(before),
        "after": shower.points(after),
    }
    return {"member": masked_name(receipt.member.name) or _("no name"), "moved": moved}
