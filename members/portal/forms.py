"""Shapes of what members type on their page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.models import ConsentText
from members.models.consents import Purpose
from members.services.consents import Statement, newest_text
from members.services.portal.codes import Contact, read_contact

ASKED = (Purpose.PERSONAL_DATA, Purpose.ADVERTISING)


class ContactField(forms.CharField):
    """A phone or an e-mail, as a ``Contact``."""

    def __init__(self, **kwargs: Any) -> None:
        look = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(max_length=254, widget=forms.TextInput(attrs=look), **kwargs)

    def clean(self, value: Any) -> Contact:
        text = super().clean(value)
        contact = read_contact(text)
        if contact is None:
            raise forms.ValidationError(_("Type a phone number or an e-mail address."))
        return contact


class SignInForm(forms.Form):
    contact = ContactField(label=_("Phone or e-mail"))


class CodeForm(forms.Form):
    code = forms.RegexField(
        r"^\s*\d{6}\s*$",
        label=_("Code"),
        error_messages={"invalid": _("The code has six digits.")},
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": "8"}
        ),
    )

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip()


class ConsentField(forms.ModelChoiceField[ConsentText]):
    """A box whose value is the text beside it: what was shown is what is recorded."""

    def __init__(self, purpose: Purpose, **kwargs: Any) -> None:
        texts = ConsentText.objects.filter(purpose=purpose)
        super().__init__(queryset=texts, label=purpose.label, **kwargs)


class JoinForm(forms.Form):
    """Only the first consent is needed; nothing is ticked in advance."""

    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    birth_date = forms.DateField(
        label=_("Birth date"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    personal_data = ConsentField(
        Purpose.PERSONAL_DATA,
        error_messages={
            "required": _("Without this consent we may keep neither your phone nor your e-mail.")
        },
    )
    advertising = ConsentField(Purpose.ADVERTISING, required=False)

    def consents(self) -> Iterator[tuple[BoundField, ConsentText | None]]:
        """The boxes, each with the newest text in the language of the page."""
        for purpose in ASKED:
            yield self[purpose.value], newest_text(purpose, get_language() or "en")

    def statements(self, evidence: str) -> list[Statement]:
        given = [(purpose, self.cleaned_data[purpose.value]) for purpose in ASKED]
        return [
            Statement(purpose, granted=True, text=text, evidence=evidence)
            for purpose, text in given
            if text
        ]


class ProfileForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    birth_date = forms.DateField(
        label=_("Birth date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
