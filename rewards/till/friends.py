"""At the till, right after somebody joined: who brought them?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from loyalty_crm.kernel import clock, throttle
from loyalty_crm.kernel.errors import DomainError
from members.models import Member
from members.till.access import Desk, at_till
from members.till.once import OnceForm, once
from rewards.errors import ReferralRefused
from rewards.models import Referral, ReferralTerms
from rewards.services import referrals
from rewards.services.programmes import default_programme

JUST_ENROLLED = timedelta(minutes=15)
WHY = {
    "code": _("No member has this code. Look at it again."),
    "self": _("This is the member's own code."),
    "already": _("Somebody else has brought this member already."),
    "too_late": _("This member joined or bought before: nobody brought them now."),
    "off": _("Members do not bring friends at the moment."),
}


class FriendForm(OnceForm):
    code = forms.CharField(
        label=_("Code of who invited"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off"}),
    )


@require_http_methods(["GET", "POST"])
@at_till
def friend(request: HttpRequest, desk: Desk, member_id: UUID) -> HttpResponse:
    """A panel of the page that welcomes a new member. Empty when members bring no friends."""
    just_now = Member.objects.filter(
        home_store=desk.store, recorded_at__gte=clock.now() - JUST_ENROLLED
    )
    member = get_object_or_404(just_now, public_id=member_id)
    if not ReferralTerms.objects.filter(programme__is_default=True, is_on=True).exists():
        return HttpResponse("")
    form = FriendForm(request.POST or None)
    if form.is_valid():
        _attach(form, member, desk)
        if form.errors:
            form = _with_new_key(form)
    known = Referral.objects.filter(friend=member).first()
    context = {"form": form, "member": member, "referral": known}
    status = 422 if form.errors else 200
    return render(request, "till/_friend.html", context, status=status)


def _attach(form: FriendForm, member: Member, desk: Desk) -> None:
    code = form.cleaned_data["code"]

    def work() -> dict[str, Any]:
        referral = referrals.attach(
            programme=default_programme(),
            friend=member,
            code=code,
            place=f"{desk.store.code}/{desk.terminal.code}",
            now=clock.now(),
            actor=desk.actor,
        )
        return {"id": str(referral.public_id)}

    try:
        with throttle.guarded("referrals", actor=desk.actor, store=desk.store.code) as guesses:
            if referrals.owner_of(code) is None:
                guesses.wrong = 1
                raise ReferralRefused(reason="code")
        once(
            operation="till.friend",
            key=form.cleaned_data["key"],
            asked={"code": code, "member": str(member.public_id)},
            work=work,
            desk=desk,
        )
    except DomainError as refusal:
        why = WHY.get(str(refusal.detail.get("reason", "")), refusal.message)
        form.add_error("code", str(why))


def _with_new_key(form: FriendForm) -> FriendForm:
    """The key of a refused form has its answer already."""
    form.data = {**dict(form.data.items()), "key": str(FriendForm()["key"].value())}
    return form
