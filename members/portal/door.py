"""In and out: a contact, a code, and for newcomers a form.

Whatever contact is typed, the same page follows, after the same work. Who reads
the code is in; nobody else learns who is a member.
"""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.errors import DomainError, TooManyRequests
from members.models import Identity
from members.portal.access import (
    Visit,
    address_of,
    forget,
    let_in,
    let_out,
    note,
    noted,
    private,
    signed_in,
)
from members.portal.forms import CodeForm, JoinForm, SignInForm
from members.rules.identities import masked_email, masked_phone
from members.services.portal.codes import LIFE, Contact, Purpose, send_code, slow_down, use_code
from members.services.portal.joining import join, recognise
from members.services.portal.sessions import end_all, end_session

CHALLENGE, PROOF = "my_challenge", "my_proof"
SECONDS = int(LIFE.total_seconds())


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    form = SignInForm(request.POST or None)
    if form.is_valid():
        contact: Contact = form.cleaned_data["contact"]
        try:
            return private(_ask(request, contact))
        except TooManyRequests as refusal:
            return _refused(request, "portal/sign_in.html", form, refusal)
    return _page(request, "portal/sign_in.html", form)


def _ask(request: HttpRequest, contact: Contact) -> HttpResponse:
    slow_down(contact, address_of(request))
    sent = send_code(
        contact=contact,
        purpose=Purpose.SIGN_IN,
        may_join=settings.SELF_REGISTRATION,
        now=clock.now(),
    )
    response = redirect("my:code")
    said = {"id": str(sent.public_id), "kind": contact.kind, "value": contact.value}
    note(response, CHALLENGE, said, SECONDS)
    return response


@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The code that was sent. A new member is led on to the form, once the code has proved it."""
    said = noted(request, CHALLENGE, SECONDS)
    if said is None:
        return redirect("my:sign-in")
    contact = Contact(said["kind"], said["value"])
    form = CodeForm(request.POST or None)
    to = shown(contact)
    if form.is_valid():
        try:
            return private(_use(request, contact, UUID(said["id"]), form.cleaned_data["code"]))
        except DomainError as refusal:
            return _refused(request, "portal/code.html", form, refusal, to=to)
    return _page(request, "portal/code.html", form, to=to)


def _use(request: HttpRequest, contact: Contact, challenge: UUID, typed: str) -> HttpResponse:
    use_code(challenge=challenge, contact=contact, purpose=Purpose.SIGN_IN, code=typed)
    now = clock.now()
    if member := recognise(contact=contact, now=now):
        response = let_in(request, member, now)
    else:
        response = redirect("my:join")
        note(response, PROOF, {"kind": contact.kind, "value": contact.value}, SECONDS)
    forget(response, CHALLENGE)
    return response


@require_http_methods(["GET", "POST"])
def join_page(request: HttpRequest) -> HttpResponse:
    """Open for ten minutes to whoever has just proved a contact that nobody is known by."""
    said = noted(request, PROOF, SECONDS)
    if said is None or not settings.SELF_REGISTRATION:
        return redirect("my:sign-in")
    contact = Contact(said["kind"], said["value"])
    form = JoinForm(request.POST or None)
    to = shown(contact)
    if form.is_valid():
        try:
            return private(_join(request, contact, form))
        except DomainError as refusal:
            return _refused(request, "portal/join.html", form, refusal, to=to)
    return _page(request, "portal/join.html", form, to=to)


def _join(request: HttpRequest, contact: Contact, form: JoinForm) -> HttpResponse:
    now = clock.now()
    member = join(
        contact=contact,
        name=form.cleaned_data["name"],
        birth_date=form.cleaned_data["birth_date"],
        language=get_language() or settings.LANGUAGE_CODE,
        consents=form.statements(evidence="box on the member's page"),
        now=now,
    )
    response = let_in(request, member, now)
    forget(response, PROOF)
    return response


@require_POST
@signed_in
def sign_out(visit: Visit) -> HttpResponse:
    end_session(session=visit.session, actor=visit.actor)
    return let_out()


@require_POST
@signed_in
def sign_out_everywhere(visit: Visit) -> HttpResponse:
    end_all(member=visit.member, actor=visit.actor)
    return let_out()


def shown(contact: Contact) -> str:
    mask = masked_phone if contact.kind == Identity.Kind.PHONE else masked_email
    return mask(contact.value)


def _refused(
    request: HttpRequest, template: str, form: forms.Form, refusal: DomainError, to: str = ""
) -> HttpResponse:
    form.add_error(None, refusal.message)
    response = _page(request, template, form, status=refusal.status, to=to)
    if isinstance(refusal, TooManyRequests):
        response.headers["Retry-After"] = str(refusal.detail.get("retry_after", 60))
    return response


def _page(
    request: HttpRequest, template: str, form: forms.Form, status: int = 200, to: str = ""
) -> HttpResponse:
    status = 422 if form.is_bound and form.errors and status == 200 else status
    whole = {"form": form, "may_join": settings.SELF_REGISTRATION, "to": to}
    return private(render(request, template, whole, status=status))
