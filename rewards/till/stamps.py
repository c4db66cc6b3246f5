"""Stamp cards at the till: how they look, a stamp by hand, and a receipt that is claimed late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.errors import DomainError
from members.models import Member
from members.rules.identities import masked_name
from members.till.access import Desk, at_till
from members.till.once import OnceForm, once
from rewards.errors import ReceiptNotClaimable, StampLimit, StampProgrammeUnknown
from rewards.models import ManualStamp, ReceiptClaim, StampCard, StampProgramme
from rewards.services import claims
from rewards.services.claims import Shown
from rewards.services.programmes import default_programme
from rewards.services.stamps.by_hand import stamp_by_hand
from rewards.services.stamps.reading import cards_of
from rewards.till.basket import TillBasket
from rewards.till.entry import NotReadable, read_money

NEWEST = 3


class StampForm(OnceForm):
    """One card's form: how many, and why."""

    programme = forms.SlugField(widget=forms.HiddenInput)
    amount = forms.IntegerField(min_value=1, max_value=10**9, initial=1)
    reason = forms.CharField(max_length=300)


class ClaimForm(OnceForm):
    """What stands on the receipt; the code alone is enough."""

    number = forms.CharField(
        label=gettext_lazy("Receipt number, or scan its code"),
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off", "data-scanned": ""}),
    )
    total = forms.CharField(
        label=gettext_lazy("Sum of the receipt"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


@require_http_methods(["GET"])
@at_till
def stamps(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The page of the member in the basket."""
    return _page(request, desk)


@require_http_methods(["GET"])
@at_till
def panel(request: HttpRequest, desk: Desk, member_id: UUID) -> HttpResponse:
    """The cards alone, for the page of a sale that is done."""
    member = get_object_or_404(Member, public_id=member_id)
    return render(request, "till/_stamp_cards.html", _cards(member))


@require_POST
@at_till
def stamp(request: HttpRequest, desk: Desk) -> HttpResponse:
    form, member = StampForm(request.POST), _member(request, desk)
    if member is None:
        return redirect("till:stamps")
    if not form.is_valid():
        return _page(request, desk, 422, _("Say how many stamps and why."))
    typed = form.cleaned_data

    def work() -> dict[str, Any]:
        made = stamp_by_hand(
            programme=_programme(typed["programme"]),
            member=member,
            amount=typed["amount"],
            reason=typed["reason"],
            reference=f"till:{typed['key']}",
            store=desk.store,
            actor=desk.actor,
        )
        return {"waits": made.state == ManualStamp.State.WAITING}

    asked = [str(member.public_id), typed["programme"], typed["amount"]]
    return _did(request, desk, "till.stamp", typed["key"], asked, work)


@require_POST
@at_till
def claim(request: HttpRequest, desk: Desk) -> HttpResponse:
    """A receipt without a card that the member brings later: it gives what the sale would have."""
    form, member = ClaimForm(request.POST), _member(request, desk)
    if member is None:
        return redirect("till:stamps")
    try:
        shown = _shown(form, desk)
        with throttle.guarded("claims", actor=desk.actor, store=desk.store.code) as guesses:
            guesses.wrong = 1
            receipt = claims.find_claimable(shown=shown, member=member, actor=desk.actor)
            guesses.wrong = 0
    except NotReadable:
        return _page(request, desk, 422, _("Write the number of the receipt and its sum."))
    except DomainError as refusal:
        return _page(request, desk, 422, refusal.message)

    def work() -> dict[str, Any]:
        made = claims.claim_receipt(receipt=receipt, member=member, actor=desk.actor)
        return {"waits": made.state == ReceiptClaim.State.WAITING, "points": made.points}

    key, asked = form.cleaned_data["key"], [str(member.public_id), str(receipt.public_id)]
    return _did(request, desk, "till.claim", key, asked, work)


def _shown(form: ClaimForm, desk: Desk) -> Shown:
    """A code is longer than any number, and has its sum in it."""
    if not form.is_valid():
        raise NotReadable
    number, total = form.cleaned_data["number"].strip(), form.cleaned_data["total"]
    if not total:
        if len(number) < 20:
            raise NotReadable
        return Shown(qr=number)
    minor = read_money(total, default_programme().currency)
    return Shown(store=desk.store.code, number=number, total_minor=minor)


def _did(
    request: HttpRequest,
    desk: Desk,
    operation: str,
    key: UUID,
    asked: object,
    work: Callable[[], dict[str, Any]],
) -> HttpResponse:
    try:
        done = once(operation=operation, key=key, asked=asked, work=work, desk=desk)
    except DomainError as refusal:
        return _page(request, desk, 422, _words(refusal))
    return _page(request, desk, said=_said(operation, done))


def _said(operation: str, done: dict[str, Any]) -> str:
    if done["waits"]:
        return _("A second person has to agree in the back office first.")
    if operation == "till.claim":
        return _("The receipt is the member's now: %(points)s points.") % done
    return _("Stamped.")


def _words(refusal: DomainError) -> str:
    if isinstance(refusal, StampLimit):
        left = _params(refusal).get("max", 0)
        return _("Only %(max)s more stamps may be put on by hand today.") % {"max": left}
    if isinstance(refusal, ReceiptNotClaimable):
        reasons = {
            "refunded": _("Goods of this receipt came back: it can't be claimed."),
            "too_late": _("This receipt is too old to be claimed."),
        }
        return reasons.get(str(_params(refusal).get("reason")), refusal.message)
    return refusal.message


def _params(refusal: DomainError) -> dict[str, Any]:
    """What a refusal says of itself, also when it was kept and comes back as a problem."""
    faults: Any = refusal.detail.get("errors") or [{}]
    return {**refusal.detail, **dict(faults[0].get("params", {}))}


def _programme(code: str) -> StampProgramme:
    found = StampProgramme.objects.select_related("programme").filter(
        programme__is_default=True, code=code
    )
    if (programme := found.first()) is None:
        raise StampProgrammeUnknown
    return programme


def _member(request: HttpRequest, desk: Desk) -> Member | None:
    chosen = TillBasket.of(request, desk).member
    return Member.objects.filter(public_id=chosen).first() if chosen else None


def _page(
    request: HttpRequest, desk: Desk, status: int = 200, problem: str = "", said: str = ""
) -> HttpResponse:
    member = _member(request, desk)
    context: dict[str, Any] = {"desk": desk, "problem": problem, "said": said, "member": member}
    if member is not None:
        may_claim = claims.terms_of(default_programme()).is_open
        context |= _cards(member)
        context |= {
            "name": masked_name(member.name),
            "forms": [(card, str(uuid4())) for card in context["cards"]],
            "claim": ClaimForm() if may_claim else None,
        }
    return render(request, "till/stamps.html", context, status=status)


def _cards(member: Member) -> dict[str, Any]:
    full = StampCard.objects.filter(member=member, state=StampCard.State.FULL)
    newest = full.select_related("programme").order_by("-pk")[:NEWEST]
    return {
        "cards": cards_of(member=member, programme=default_programme()),
        "full": [(card, card.reward.get("coupons", [])) for card in newest],
    }
