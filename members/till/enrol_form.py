"""The member form of the till: a phone or a card, and each consent on its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Self

from django import forms
from django.conf import settings
from django.forms.boundfield import BoundField
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.errors import DomainError
from members.models import ConsentText
from members.models.consents import Purpose
from members.rules.identities import normal_email, normal_phone
from members.services.consents import Statement, newest_text
from members.services.public_rules import latest_rules
from members.till.once import OnceForm

ASKED = (Purpose.PERSONAL_DATA, Purpose.ADVERTISING)


class ConsentField(forms.ModelChoiceField[ConsentText]):
    """A box whose value is the text that stands beside it: what was shown is what is recorded."""

    def __init__(self, purpose: Purpose) -> None:
        texts = ConsentText.objects.filter(purpose=purpose)
        super().__init__(queryset=texts, required=False, label=purpose.label)
        self.purpose = purpose


class EnrolForm(OnceForm):
    """Everything but the phone or card is optional; nothing is ticked in advance."""

    phone = forms.CharField(
        label=_("Phone"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "off"}),
    )
    card = forms.CharField(
        label=_("Card"),
        required=False,
        max_length=64,
        help_text=_("Scan the new card. Empty: the member gets a virtual card."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    email = forms.CharField(
        label=_("E-mail"),
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off"}),
    )
    birth_date = forms.DateField(
        label=_("Birth date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    language = forms.ChoiceField(label=_("Language of messages"), choices=settings.LANGUAGES)
    personal_data = ConsentField(Purpose.PERSONAL_DATA)
    advertising = ConsentField(Purpose.ADVERTISING)
    #: The version whose page stands beside the box: what was shown is what is recorded.
    accepted_rules = forms.IntegerField(required=False, min_value=1, max_value=10**9)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rules = latest_rules()
        self.fields["language"].initial = get_language()

    @classmethod
    def guess(cls, text: str) -> dict[str, str]:
        """Where the text of a search that found nobody belongs."""
        if normal_phone(text, settings.PHONE_REGION):
            return {"phone": text}
        if normal_email(text):
            return {"email": text}
        return {"card": text} if any(sign.isdigit() for sign in text) else {"name": text}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not (data.get("phone") or data.get("card")):
            self.add_error("phone", _("Type a phone or scan a card."))
        personal = any(data.get(field) for field in ("phone", "name", "email", "birth_date"))
        if personal and not data.get("personal_data"):
            self.add_error(
                "personal_data",
                _(
                    "Without this consent no phone, name, e-mail or birth date is kept. Tick "
                    "the box once the person has agreed, or clear these fields and hand out "
                    "the card alone."
                ),
            )
        return data

    def consents(self) -> Iterator[tuple[BoundField, ConsentText | None]]:
        """The boxes, each with the newest text in the language of the page."""
        for purpose in ASKED:
            yield self[purpose.value], newest_text(purpose, get_language() or "en")

    def details(self) -> dict[str, Any]:
        """What ``enrol_member`` takes; empty fields are unknown, not empty facts."""
        data = self.cleaned_data
        return {
            "phone": data["phone"] or None,
            "email": data["email"] or None,
            "card_number": data["card"] or None,
            "name": data["name"],
            "birth_date": data["birth_date"],
            "language": data["language"],
            "accepted_rules": data["accepted_rules"],
        }

    def statements(self, evidence: str) -> list[Statement]:
        """One for each box that was ticked. An empty box is silence, not a refusal."""
        given = [(purpose, self.cleaned_data[purpose.value]) for purpose in ASKED]
        return [
            Statement(purpose, granted=True, text=text, evidence=evidence)
            for purpose, text in given
            if text
        ]

    def asked(self) -> dict[str, Any]:
        ticked = {
            purpose.value: getattr(self.cleaned_data[purpose.value], "pk", None)
            for purpose in ASKED
        }
        return self.details() | ticked | {"birth_date": str(self.cleaned_data["birth_date"])}

    def refuse(self, refusal: DomainError) -> None:
        """Show the refusal beside the field it speaks of."""
        faults = refusal.detail.get("errors") or [{"pointer": refusal.detail.get("pointer", "")}]
        named = str(faults[0]["pointer"]).strip("/")  # type: ignore[index]
        field = {"number": "card"}.get(named, named)
        self.add_error(field if field in self.fields else None, refusal.message)

    def with_new_key(self) -> Self:
        """Ready to be sent again: the key of a refused form has its answer already."""
        self.data = {**dict(self.data.items()), "key": str(uuid.uuid4())}
        return self
