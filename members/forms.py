"""Shapes of what staff type about members."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.widgets import DayInput
from members.models import Card, Consent, Identity, Member, Store, Tag


class CardVerbForm(OnceForm):
    """What to do with one card of a member, and why."""

    VERBS = [
        ("issue", _("Issue a card")),
        ("activate", _("Activate")),
        ("block", _("Block")),
        ("unblock", _("Unblock")),
        ("replace", _("Replace")),
        ("close", _("Close")),
    ]
    NEED_NO_REASON = {"issue", "activate"}

    verb = forms.ChoiceField(choices=VERBS)
    card = forms.ModelChoiceField(Card.objects.none(), required=False)
    reason = forms.CharField(max_length=200, required=False, label=_("reason"))

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["card"].queryset = Card.objects.filter(member=member)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        verb = cleaned.get("verb")
        if verb != "issue" and not cleaned.get("card"):
            self.add_error("card", _("Choose a card."))
        if verb not in self.NEED_NO_REASON and not cleaned.get("reason"):
            self.add_error("reason", _("Say why: the reason stays in the audit trail."))
        return cleaned


class ContactForm(OnceForm):
    """A phone, e-mail or external id to add to a member, or one of the member's to remove."""

    kind = forms.ChoiceField(choices=Identity.Kind.choices, required=False, label=_("kind"))
    value = forms.CharField(max_length=254, required=False, label=_("value"))
    system = forms.CharField(max_length=40, required=False, label=_("system"))
    remove = forms.ModelChoiceField(Identity.objects.none(), required=False)

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remove"].queryset = Identity.objects.filter(member=member)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("remove") and not (cleaned.get("kind") and cleaned.get("value")):
            self.add_error("value", _("Write a phone, an e-mail or an external id."))
        return cleaned


class TagForm(OnceForm):
    """A tag to put on a member, for good or until the end of a day, or one to take off."""

    add = forms.ModelChoiceField(Tag.objects.all(), to_field_name="code", required=False)
    until = forms.DateField(required=False, label=_("until"))
    remove = forms.CharField(max_length=80, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("remove") and not cleaned.get("add"):
            self.add_error("add", _("Choose a tag."))
        return cleaned


class WithdrawForm(OnceForm):
    """A consent that a member takes back, and what proves it."""

    consent = forms.ModelChoiceField(Consent.objects.none())
    evidence = forms.CharField(max_length=300, label=_("proof"))

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["consent"].queryset = Consent.objects.filter(member=member, granted=True)  # type: ignore[attr-defined]


class ProfileForm(forms.Form):
    """What may be changed about a member by hand. The hidden version stops two editors at once."""

    name = forms.CharField(
        label=_("full name"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget
    )
    birth_date = forms.DateField(label=_("birth date"), required=False, widget=DayInput)
    language = forms.ChoiceField(
        label=_("language"), choices=settings.LANGUAGES, widget=UnfoldAdminSelectWidget
    )
    home_store = forms.ModelChoiceField(
        Store.objects.all(), label=_("home store"), required=False, widget=UnfoldAdminSelectWidget
    )
    status = forms.ChoiceField(
        label=_("status"),
        choices=Member.Status.choices,
        widget=UnfoldAdminSelectWidget,
        help_text=_("A blocked member keeps the points and can neither earn nor spend."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def of(cls, member: Member) -> ProfileForm:
        kept = ("name", "birth_date", "language", "home_store", "status", "version")
        return cls(initial={field: getattr(member, field) for field in kept})
