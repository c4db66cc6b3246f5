"""Panels of the member page that do something: cards, contacts, consents.

Each draws itself for a GET; a POST does one thing through one service, once for
each form that was drawn, and draws it again, with the refusal if there was one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_once import OnceForm, once
from loyalty_crm.kernel.errors import DomainError
from members.admin import card_verbs
from members.admin.lens import lens_of
from members.forms import CardVerbForm, ContactForm, WithdrawForm
from members.models import Consent, Member
from members.services.consents import current_consents, record_consent
from members.services.identities import add_identity, remove_identity

MANAGE_CARDS = "members.manage_cards"
CHANGE_MEMBER = "members.change_member"
TIMELINE = 30

Work = Callable[[Any], Callable[[], object]]


def cards_panel(request: HttpRequest, member: Member) -> HttpResponse:
    form = CardVerbForm(request.POST or None, member=member)

    def work(asked: Any) -> Callable[[], object]:
        verb = {name: asked[name] for name in ("verb", "card", "reason")}
        actor = user_actor(request.user)
        return partial(card_verbs.do, **verb, member=member, at=clock.now(), actor=actor)

    act(request, form, work, MANAGE_CARDS)
    return drawn(request, "admin/members/_cards.html", form, cards_of(request, member))


def contacts_panel(request: HttpRequest, member: Member) -> HttpResponse:
    form = ContactForm(request.POST or None, member=member)

    def work(asked: Any) -> Callable[[], object]:
        actor = user_actor(request.user)
        if asked["remove"]:
            return partial(remove_identity, identity=asked["remove"], actor=actor)
        known = {name: asked[name] for name in ("kind", "value", "system")}
        return partial(add_identity, member=member, **known, actor=actor)

    act(request, form, work, CHANGE_MEMBER)
    return drawn(request, "admin/members/_profile.html", form, contacts_of(request, member))


def consents_panel(request: HttpRequest, member: Member) -> HttpResponse:
    form = WithdrawForm(request.POST or None, member=member)

    def work(asked: Any) -> Callable[[], object]:
        given: Consent = asked["consent"]
        return partial(
            record_consent,
            member=member,
            purpose=given.purpose,
            channel=given.channel,
            granted=False,
            source="admin",
            evidence=asked["evidence"],
            occurred_at=clock.now(),
            actor=user_actor(request.user),
        )

    act(request, form, work, CHANGE_MEMBER)
    return drawn(request, "admin/members/_consents.html", form, consents_of(request, member))


def act(request: HttpRequest, form: OnceForm, work: Work, permission: str) -> None:
    if request.method != "POST":
        return
    if not request.user.has_perm(permission):
        raise PermissionDenied
    if form.is_valid():
        asked = {name: getattr(value, "pk", value) for name, value in form.cleaned_data.items()}
        asked.pop("key")
        actor = user_actor(request.user)
        try:
            once(form=form, asked=[request.path, asked], work=work(form.cleaned_data), actor=actor)
        except DomainError as refusal:
            form.add_error(None, refusal.message)


def drawn(
    request: HttpRequest, template: str, form: OnceForm, context: dict[str, Any]
) -> HttpResponse:
    refused = form.is_bound and bool(form.errors)
    said = [one for errors in form.errors.values() for one in errors] if refused else []
    return render(request, template, {**context, "refusals": said}, status=422 if refused else 200)


def cards_of(request: HttpRequest, member: Member) -> dict[str, Any]:
    may = request.user.has_perm(MANAGE_CARDS)
    cards = member.cards.select_related("replaced_by").order_by("-id")
    rows = [(card, card_verbs.open_to(card) if may else []) for card in cards]
    return {**for_panel(request, member), "cards": rows, "may_manage": may}


def contacts_of(request: HttpRequest, member: Member) -> dict[str, Any]:
    lens = lens_of(request.user)
    known = member.identities.order_by("kind", "id")
    shown = [{"identity": one, "shown": lens.identity(one)} for one in known]
    may = request.user.has_perm(CHANGE_MEMBER)
    return {**for_panel(request, member), "identities": shown, "may_edit": may}


def consents_of(request: HttpRequest, member: Member) -> dict[str, Any]:
    newest = member.consents.order_by("-occurred_at", "-id").select_related("text", "store")
    may = request.user.has_perm(CHANGE_MEMBER)
    return {
        **for_panel(request, member),
        "agreed": current_consents(member),
        "consents": list(newest[:TIMELINE]),
        "may_edit": may,
    }


def for_panel(request: HttpRequest, member: Member) -> dict[str, Any]:
    """What every panel needs, and a key for the next form."""
    return {"member": member, "lens": lens_of(request.user), "key": uuid4()}
