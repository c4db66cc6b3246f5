"""Find a member at the till, and let a new one join."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.errors import DomainError
from members.models import Card, Identity, Member
from members.rules.cards import clean_number
from members.rules.identities import masked_email, masked_name, masked_phone
from members.services.card_codes import shown_number
from members.services.people import enrol_member, find_members
from members.till.access import Desk, at_till
from members.till.enrol_form import EnrolForm
from members.till.misses import counted
from members.till.once import once

SHORTEST_NAME_PART = 3
MOST_HITS = 8
JUST_ENROLLED = timedelta(minutes=15)


class FindForm(forms.Form):
    text = forms.CharField(max_length=254)


@dataclass(frozen=True, slots=True)
class Hit:
    """A member as the staff of a store may see them: enough to ask "ending in 67?"."""

    public_id: UUID
    name: str
    contacts: list[str]
    card: Card | None
    is_active: bool
    card_was_shown: bool

    @property
    def may_be_served(self) -> bool:
        """A card that was shown and is blocked serves nobody; its owner may be found otherwise."""
        usable = {Card.Status.PREPARED, Card.Status.ISSUED, Card.Status.ACTIVE}
        shown_in_vain = (
            self.card_was_shown and self.card is not None and self.card.status not in usable
        )
        return self.is_active and not shown_in_vain


@require_POST
@at_till
def find(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Members whom a scan or a typed text may mean. One sure hit is taken without a question."""
    form = FindForm(request.POST)
    text = shown_number(form.cleaned_data["text"]) if form.is_valid() else ""
    context = {"desk": desk, "text": text}
    if not _may_search(text):
        fewest = ngettext(
            "Type at least %d letter of the name.", "Type at least %d letters of the name.", 3
        )
        return render(request, "till/_found.html", context | {"problem": fewest % 3}, status=422)
    try:
        found = _found(text) if _is_name(text) else counted(desk, lambda: _found(text))
    except DomainError as refusal:
        return render(
            request, "till/_found.html", context | {"problem": refusal.message}, status=422
        )
    hits = [_hit(member, text) for member in found]
    sure = len(hits) == 1 and hits[0].may_be_served and not _is_name(text)
    more = len(hits) == MOST_HITS
    return render(request, "till/_found.html", context | {"hits": hits, "sure": sure, "more": more})


def _is_name(text: str) -> bool:
    return "@" not in text and not any(sign.isdigit() for sign in text)


def _may_search(text: str) -> bool:
    """Staff of a store look for one person; a letter that fits half the town would be browsing."""
    return len(text) >= SHORTEST_NAME_PART


def _found(text: str) -> list[Member]:
    return list(find_members(text, limit=MOST_HITS).prefetch_related("identities", "cards"))


def _hit(member: Member, text: str) -> Hit:
    number = clean_number(text)
    cards = list(member.cards.all())
    shown = [card for card in cards if card.number == number]
    active = [card for card in cards if card.status == Card.Status.ACTIVE]
    return Hit(
        public_id=member.public_id,
        name=masked_name(member.name) or gettext("no name"),
        contacts=[
            _masked(one) for one in member.identities.all() if one.kind != Identity.Kind.EXTERNAL
        ],
        card=next(iter([*shown, *active, *cards]), None),
        is_active=member.status == Member.Status.ACTIVE,
        card_was_shown=bool(shown),
    )


def _masked(identity: Identity) -> str:
    mask = masked_phone if identity.kind == Identity.Kind.PHONE else masked_email
    return mask(identity.value)


@require_http_methods(["GET", "POST"])
@at_till
def enrol(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The form of a new member. What was typed into the search is carried over by POST."""
    if request.method == "POST" and "key" in request.POST:
        return _enrol(request, desk, EnrolForm(request.POST))
    return _show(request, desk, EnrolForm(initial=EnrolForm.guess(request.POST.get("text", ""))))


def _enrol(request: HttpRequest, desk: Desk, form: EnrolForm) -> HttpResponse:
    if form.is_valid():
        try:
            member = once(
                operation="till.enrol",
                key=form.cleaned_data["key"],
                asked=form.asked(),
                work=lambda: _join(form, desk),
                desk=desk,
            )
        except DomainError as refusal:
            form.refuse(refusal)
        else:
            return redirect("till:enrolled", member["id"])
    return _show(request, desk, form.with_new_key(), status=422)


def _join(form: EnrolForm, desk: Desk) -> dict[str, Any]:
    till = f"{desk.store.code}/{desk.terminal.code}"
    member = enrol_member(
        **form.details(),
        consents=form.statements(evidence=f"till {till}, shift {desk.shift.pk}"),
        home_store=desk.store,
        source="till",
        occurred_at=clock.now(),
        actor=desk.actor,
    )
    return {"id": str(member.public_id)}


def _show(request: HttpRequest, desk: Desk, form: EnrolForm, status: int = 200) -> HttpResponse:
    return render(request, "till/enrol.html", {"desk": desk, "form": form}, status=status)


@require_http_methods(["GET"])
@at_till
def enrolled(request: HttpRequest, desk: Desk, member_id: UUID) -> HttpResponse:
    """The new card's number in full, while the new member stands there; afterwards nobody's."""
    just_now = Member.objects.filter(
        home_store=desk.store, recorded_at__gte=clock.now() - JUST_ENROLLED
    )
    member = get_object_or_404(just_now, public_id=member_id)
    return render(
        request,
        "till/enrolled.html",
        {"desk": desk, "member": member, "card": member.cards.first()},
    )
