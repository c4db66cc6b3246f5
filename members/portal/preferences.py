"""What the member decides: name, contacts, consents, language, data."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from loyalty_crm.kernel.errors import DomainError
from members.errors import CodeWrong
from members.models import Consent, DataRequest, Identity, Member
from members.models.consents import Purpose
from members.portal.access import Visit, address_of, forget, note, noted, signed_in
from members.portal.door import SECONDS, shown
from members.portal.forms import CodeForm, ProfileForm, SignInForm
from members.rules.devices import device_name
from members.services.consents import current_consents, newest_text, record_consent
from members.services.people import Changes, update_member
from members.services.portal.codes import Contact, send_code, slow_down, use_code
from members.services.portal.codes import Purpose as CodeFor
from members.services.portal.contacts import put_contact
from members.services.portal.requests import ask_about_data

CHANGE = "my_change"
ASKED = (Purpose.ADVERTISING, Purpose.PARTNERS)
CHANNELS = {
    Purpose.ADVERTISING: [
        Consent.Channel.SMS, Consent.Channel.EMAIL, Consent.Channel.PUSH,
        Consent.Channel.MESSENGER, Consent.Channel.CALL,
    ],
    Purpose.PARTNERS: [Consent.Channel.ANY],
}  # fmt: skip


@require_safe
@signed_in
def settings_page(visit: Visit) -> HttpResponse:
    return _show(visit, ProfileForm(initial=_profile(visit.member)))


def _profile(member: Member) -> dict[str, Any]:
    return {"name": member.name, "birth_date": member.birth_date}


def _show(visit: Visit, form: ProfileForm, status: int = 200) -> HttpResponse:
    contacts = visit.member.identities.exclude(kind=Identity.Kind.EXTERNAL).order_by("id")
    context = {
        "form": form,
        "contacts": [(one, shown(Contact(one.kind, one.value))) for one in contacts],
        "consents": consents_of(visit.member),
        "sessions": [
            (one, device_name(one.device))
            for one in visit.member.portal_sessions.open().order_by("-seen_at")[:10]
        ],
        "requests": visit.member.data_requests.order_by("-id")[:5],
        "kinds": DataRequest.Kind.choices,
        "languages": settings.LANGUAGES,
        "language": get_language(),
    }
    return visit.show("portal/settings.html", context, status=status)


def consents_of(member: Member) -> list[dict[str, Any]]:
    """Each purpose with its text and its channels as they stand; without a text it is out."""
    said = {(one.purpose, one.channel): one.granted for one in current_consents(member)}
    rows = []
    for purpose in ASKED:
        text = newest_text(purpose, get_language() or "en")
        if text is None:
            continue
        whole = said.get((purpose, Consent.Channel.ANY), False)
        channels = [
            {"code": one.value, "name": one.label, "granted": said.get((purpose, one), whole)}
            for one in CHANNELS[purpose]
        ]
        rows.append({"purpose": purpose, "text": text, "channels": channels})
    return rows


@require_POST
@signed_in
def save_profile(visit: Visit) -> HttpResponse:
    """Name, and the birth date as long as it is unknown: afterwards only the staff change it."""
    form = ProfileForm(visit.request.POST)
    if form.is_valid():
        changes: Changes = {"name": form.cleaned_data["name"]}
        if visit.member.birth_date is None:
            changes["birth_date"] = form.cleaned_data["birth_date"]
        try:
            update_member(member=visit.member, changes=changes, actor=visit.actor)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(visit.request, _("Saved."))
            return redirect("my:settings")
    return _show(visit, form, status=422)


@require_POST
@signed_in
def save_consents(visit: Visit) -> HttpResponse:
    """Every channel whose box was moved: one statement each, given or withdrawn at once."""
    ticked = set(visit.request.POST.getlist("granted"))
    for row in consents_of(visit.member):
        for channel in row["channels"]:
            wanted = f"{row['purpose']}:{channel['code']}" in ticked
            if wanted != channel["granted"]:
                record_consent(
                    member=visit.member,
                    purpose=row["purpose"],
                    channel=channel["code"],
                    granted=wanted,
                    text=row["text"] if wanted else None,
                    source="portal",
                    evidence=f"box on the member's page, session {visit.session.public_id}",
                    occurred_at=visit.now,
                    actor=visit.actor,
                )
    messages.success(visit.request, _("Your choice holds from now on."))
    return redirect("my:settings")


@require_POST
@signed_in
def save_language(visit: Visit) -> HttpResponse:
    """The language of these pages, and of what is sent to the member."""
    asked = visit.request.POST.get("language", "")
    response = redirect("my:settings")
    if asked in dict(settings.LANGUAGES):
        update_member(member=visit.member, changes={"language": asked}, actor=visit.actor)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            asked,
            max_age=31_536_000,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
        with translation.override(asked):
            messages.success(visit.request, _("Saved."))
    return response


@require_http_methods(["GET", "POST"])
@signed_in
def change_contact(visit: Visit) -> HttpResponse:
    """A new phone or e-mail: first the contact, then the code that was sent there."""
    form = SignInForm(visit.request.POST or None)
    if form.is_valid():
        contact: Contact = form.cleaned_data["contact"]
        try:
            return _send(visit, contact)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return visit.show("portal/contact.html", {"form": form}, status=refusal.status)
    return visit.show("portal/contact.html", {"form": form}, status=422 if form.errors else 200)


def _send(visit: Visit, contact: Contact) -> HttpResponse:
    slow_down(contact, address_of(visit.request))
    sent = send_code(
        contact=contact,
        purpose=CodeFor.CONTACT,
        may_join=False,
        member=visit.member,
        now=visit.now,
    )
    response = redirect("my:contact-code")
    said = {"id": str(sent.public_id), "kind": contact.kind, "value": contact.value}
    note(response, CHANGE, said, SECONDS)
    return response


@require_http_methods(["GET", "POST"])
@signed_in
def contact_code(visit: Visit) -> HttpResponse:
    said = noted(visit.request, CHANGE, SECONDS)
    if said is None:
        return redirect("my:contact")
    contact = Contact(said["kind"], said["value"])
    form = CodeForm(visit.request.POST or None)
    context = {"form": form, "to": shown(contact), "changes_contact": True}
    if form.is_valid():
        try:
            _put(visit, contact, UUID(said["id"]), form.cleaned_data["code"])
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return visit.show("portal/code.html", context, status=refusal.status)
        messages.success(visit.request, _("The new contact is yours. We told the old one too."))
        response = redirect("my:settings")
        forget(response, CHANGE)
        return response
    return visit.show("portal/code.html", context, status=422 if form.errors else 200)


def _put(visit: Visit, contact: Contact, challenge: UUID, typed: str) -> None:
    """The code has to be this member's own: another's challenge in the cookie helps nobody."""
    owner = use_code(challenge=challenge, contact=contact, purpose=CodeFor.CONTACT, code=typed)
    if owner is None or owner.pk != visit.member.pk:
        raise CodeWrong
    put_contact(member=visit.member, contact=contact, now=visit.now)


@require_POST
@signed_in
def ask_data(visit: Visit) -> HttpResponse:
    kind = visit.request.POST.get("kind", "")
    if kind in DataRequest.Kind.values:
        ask_about_data(member=visit.member, kind=kind)
        messages.success(
            visit.request, _("We have noted your wish and will answer within 30 days.")
        )
    return redirect("my:settings")
