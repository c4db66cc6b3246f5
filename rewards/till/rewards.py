"""Rewards and services at the till: what the member can take now, and what is fetched by a code."""

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

from loyalty_crm.kernel import clock, throttle
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from members.models import Member, Store
from members.rules.identities import masked_name
from members.till.access import Desk, at_till
from members.till.once import OnceForm, once
from rewards.models import Redemption, Reward, Service, ServiceUse
from rewards.services import benefits, catalogue, redemptions
from rewards.services.programmes import default_programme
from rewards.till.basket import TillBasket

#: What a page shows; a cashier does not scroll through more.
MOST = 60
Work = Callable[[], dict[str, Any]]


class TakeForm(OnceForm):
    """A reward for the member at the till; its key makes a double click one reward."""

    reward = forms.UUIDField(widget=forms.HiddenInput)
    member = forms.UUIDField(widget=forms.HiddenInput)


class UseForm(OnceForm):
    """A service that is done for the member now."""

    service = forms.SlugField(widget=forms.HiddenInput)
    member = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(max_length=300)


class FetchForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code of the reward"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )


class HandForm(OnceForm):
    payment_ref = forms.CharField(max_length=120, required=False)


class UndoForm(OnceForm):
    reason = forms.CharField(max_length=300)


@require_http_methods(["GET"])
@at_till
def rewards(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The page of the member in the basket, and the field for codes."""
    return _page(request, desk)


@require_POST
@at_till
def take(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Take a reward: given at once, or set aside with a code to fetch it."""
    form = TakeForm(request.POST)
    if not form.is_valid():
        return redirect("till:rewards")
    typed = form.cleaned_data
    reward = get_object_or_404(Reward, public_id=typed["reward"])
    member = get_object_or_404(Member, public_id=typed["member"])

    def work() -> dict[str, Any]:
        taken = redemptions.redeem(
            reward=reward, member=member, store=desk.store, source=f"till:{desk.actor.id}",
            source_ref=str(typed["key"]), now=clock.now(), actor=desk.actor,
        )  # fmt: skip
        return {"redemption": str(taken.public_id)}

    asked = [str(reward.public_id), str(member.public_id)]
    return _done(request, desk, "till.reward", typed["key"], asked, work)


@require_POST
@at_till
def fetch(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What waits under a code. Wrong codes are counted for this cashier and store."""
    form = FetchForm(request.POST)
    if not form.is_valid():
        return _page(request, desk, status=422, problem=_("Type the code of the reward."))
    try:
        with throttle.guarded("pickup_codes", actor=desk.actor, store=desk.store.code) as guesses:
            guesses.wrong = 1
            found = redemptions.by_code(form.cleaned_data["code"])
            guesses.wrong = 0
    except DomainError as refusal:
        return _page(request, desk, status=422, problem=refusal.message)
    return redirect("till:redemption", found.public_id)


@require_http_methods(["GET"])
@at_till
def redemption(request: HttpRequest, desk: Desk, redemption_id: UUID) -> HttpResponse:
    """One redemption: what to hand over, or what was given."""
    return _one(request, desk, _find(redemption_id))


@require_POST
@at_till
def hand(request: HttpRequest, desk: Desk, redemption_id: UUID) -> HttpResponse:
    """One click: it was handed over."""
    one, form = _find(redemption_id), HandForm(request.POST)
    if not form.is_valid():
        return _one(request, desk, one, status=422)
    ref = form.cleaned_data["payment_ref"]

    def work() -> dict[str, Any]:
        redemptions.fulfil(
            redemption=one, store=desk.store, payment_ref=ref, now=clock.now(), actor=desk.actor
        )
        return {"redemption": str(one.public_id)}

    asked = [str(one.public_id), ref]
    return _done(request, desk, "till.hand", form.cleaned_data["key"], asked, work, one)


@require_POST
@at_till
def cancel(request: HttpRequest, desk: Desk, redemption_id: UUID) -> HttpResponse:
    """Points back, piece back. What was handed over already only a manager takes back."""
    one, form = _find(redemption_id), UndoForm(request.POST)
    if not form.is_valid():
        return _one(request, desk, one, status=422, problem=_("A reason is needed."))
    if not (one.is_open or desk.is_manager):
        return _one(request, desk, one, status=403, problem=_("Ask the store manager for this."))
    reason = form.cleaned_data["reason"]

    def work() -> dict[str, Any]:
        redemptions.cancel(redemption=one, reason=reason, now=clock.now(), actor=desk.actor)
        return {"redemption": str(one.public_id)}

    asked = [str(one.public_id), reason]
    return _done(request, desk, "till.reward_back", form.cleaned_data["key"], asked, work, one)


@require_POST
@at_till
def use_service(request: HttpRequest, desk: Desk) -> HttpResponse:
    """A service is done for the member: one less is left."""
    form = UseForm(request.POST)
    if not form.is_valid():
        return _page(request, desk, status=422, problem=_("Say what the service was for."))
    typed = form.cleaned_data
    found = Service.objects.select_related("programme").filter(programme__is_default=True)
    service = get_object_or_404(found, code=typed["service"])
    member = get_object_or_404(Member, public_id=typed["member"])

    def work() -> dict[str, Any]:
        used = benefits.consume(
            service=service, member=member, store=desk.store, reason=typed["reason"],
            source=f"till:{desk.actor.id}", source_ref=str(typed["key"]), now=clock.now(),
            actor=desk.actor,
        )  # fmt: skip
        return {"use": str(used.public_id)}

    asked = [service.code, str(member.public_id), typed["reason"]]
    return _done(request, desk, "till.service", typed["key"], asked, work)


@require_POST
@at_till
def service_back(request: HttpRequest, desk: Desk, use_id: UUID) -> HttpResponse:
    """The service was not done after all; in the store where it was used."""
    uses = ServiceUse.objects.select_related("entitlement__service").filter(store=desk.store)
    use, form = get_object_or_404(uses, public_id=use_id), UndoForm(request.POST)
    if not form.is_valid():
        return _page(request, desk, status=422, problem=_("A reason is needed."))
    reason = form.cleaned_data["reason"]

    def work() -> dict[str, Any]:
        benefits.give_use_back(use=use, reason=reason, now=clock.now(), actor=desk.actor)
        return {}

    asked = [str(use.public_id), reason]
    return _done(request, desk, "till.service_back", form.cleaned_data["key"], asked, work)


def _done(
    request: HttpRequest,
    desk: Desk,
    operation: str,
    key: UUID,
    asked: object,
    work: Work,
    one: Redemption | None = None,
) -> HttpResponse:
    """Do it once; then the redemption, or the member's page. A refusal stands on that page."""
    try:
        told = once(operation=operation, key=key, asked=asked, work=work, desk=desk)
    except DomainError as refusal:
        if one is not None:
            return _one(request, desk, _find(one.public_id), status=422, problem=refusal.message)
        return _page(request, desk, status=422, problem=refusal.message)
    if "redemption" in told:
        return redirect("till:redemption", told["redemption"])
    return redirect("till:rewards")


def _find(public_id: UUID) -> Redemption:
    return get_object_or_404(Redemption.objects.shown(), public_id=public_id)


def _page(
    request: HttpRequest, desk: Desk, *, status: int = 200, problem: str = ""
) -> HttpResponse:
    member = _member(request, desk)
    context = {"desk": desk, "problem": problem, "fetch": FetchForm(), "member": None}
    if member is not None:
        context |= _for_member(member, desk.store)
    return render(request, "till/rewards.html", context, status=status)


def _member(request: HttpRequest, desk: Desk) -> Member | None:
    """The member in the basket: served already, so shown without another look-up."""
    chosen = TillBasket.of(request, desk).member
    return Member.objects.filter(public_id=chosen).first() if chosen else None


def _for_member(member: Member, store: Store) -> dict[str, Any]:
    programme, now = default_programme(), clock.now()
    live = Reward.objects.on_offer(now).filter(programme=programme).with_parts()
    shelf = list(live.order_by("sort", "price_points", "pk")[:MOST])
    offers = catalogue.offers_for(member=member, rewards=shelf, store=store, now=now)
    waiting = Redemption.objects.shown().filter(member=member, state__in=["requested", "reserved"])
    return {
        "member": member,
        "name": masked_name(member.name),
        "open": [_offer(one) for one in offers if one.is_open],
        "closed": [_offer(one) for one in offers if not one.is_open],
        "waiting": waiting.order_by("-pk")[:MOST],
        "shares": [
            (share, str(uuid4()))
            for share in benefits.shares_of(member=member, programme=programme, now=now)
        ],
        "uses": [
            (use, str(uuid4()))
            for use in benefits.uses_of(member, 5)
            if use.store_id == store.pk and not hasattr(use, "undone_by")
        ],
    }


def _offer(offer: catalogue.Offer) -> dict[str, Any]:
    reward, programme = offer.reward, offer.reward.programme
    price = Points(reward.price_points, programme.points_scale).format()
    return {
        "reward": reward,
        "price": price,
        "money": _money(reward.price_money_minor, reward),
        "missing": catalogue.sentences(offer.lacks, programme),
        "key": str(uuid4()),
    }


def _money(minor: int, reward: Reward) -> str:
    return Money(minor, reward.programme.currency).format() if minor else ""


def _one(
    request: HttpRequest, desk: Desk, one: Redemption, *, status: int = 200, problem: str = ""
) -> HttpResponse:
    elsewhere = one.store is not None and one.store != desk.store
    context = {
        "desk": desk,
        "one": one,
        "problem": problem,
        "name": masked_name(one.member.name),
        "points": Points(one.points, one.reward.programme.points_scale).format(),
        "money": _money(one.money_minor, one.reward),
        "code": redemptions.code_of(one) if one.is_open else "",
        "elsewhere": elsewhere,
        "may_hand": one.state == Redemption.State.RESERVED and not elsewhere,
        "may_cancel": one.is_open or (desk.is_manager and one.state == "fulfilled"),
        "told": _told(one, desk),
        "keys": [str(uuid4()), str(uuid4())],
    }
    return render(request, "till/redemption.html", context, status=status)


def _told(one: Redemption, desk: Desk) -> redemptions.Revealed | None:
    """The coupon, card or code that was given a moment ago, to print for the member."""
    is_fresh = one.ended_at is not None and (clock.now() - one.ended_at).total_seconds() < 900
    if one.state != Redemption.State.FULFILLED or not is_fresh:
        return None
    try:
        return redemptions.reveal(redemption=one, actor=desk.actor)
    except DomainError:
        return None
