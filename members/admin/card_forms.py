"""Shapes of what marketers type about cards: types, batches, sheets, designs."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.errors import DomainError
from members.models import CardBatch, CardDesign, CardType
from members.services import card_batches, card_sheets, card_types

LOGO_BYTES = card_types.LOGO_BYTES
COLOUR = re.compile("#[0-9a-f]{6}")
COLOURS = ("background", "foreground", "accent")


class TypeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A card type. Its code, kind and numbers are chosen once: cards were made with them."""

    class Meta:
        model = CardType
        fields = [
            "name", "code", "kind", "design", "number_prefix", "activation", "valid_months",
            "tag", "is_default", "is_active",
        ]  # fmt: skip
        help_texts = {
            "number_prefix": _("One to six digits; the others are random. A range for each type."),
            "activation": _("Until then the card earns points, and cannot pay with them."),
            "tag": _(
                "Who holds an active card of this type carries this tag. For a discount, ask for "
                "the tag in a promotion; for one that grows, ask for the tier."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "number_prefix" in self.fields and not self.instance.pk:
            self.fields["number_prefix"].initial = settings.CARD_PREFIX

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        asked = CardType(pk=self.instance.pk, **{name: cleaned[name] for name in self.Meta.fields})
        try:
            card_types.check_type(asked)
        except DomainError as refusal:
            named = str(refusal.detail.get("pointer", "")).strip("/")
            self.add_error(named if named in self.fields else None, refusal.message)
        return cleaned


class BatchForm(OnceForm):
    """How many numbers of which type."""

    type = forms.ModelChoiceField(
        CardType.objects.filter(is_active=True).exclude(kind=CardType.Kind.GIFT),
        label=_("card type"),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    name = forms.CharField(label=_("name"), max_length=100, widget=UnfoldAdminTextInputWidget)
    count = forms.IntegerField(
        label=_("how many cards"),
        min_value=1,
        max_value=card_batches.MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def asked(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {"type": data["type"].pk, "name": data["name"], "count": data["count"]}


class PrintForm(forms.Form):
    """Which cards of a batch to print."""

    first = forms.IntegerField(
        label=_("from card"), min_value=1, initial=1, widget=UnfoldAdminIntegerFieldWidget
    )
    count = forms.IntegerField(
        label=_("how many"),
        min_value=1,
        max_value=card_sheets.MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    backs = forms.BooleanField(label=_("with backs, for printing on both sides"), required=False)

    def __init__(self, *args: Any, batch: CardBatch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["count"].initial = min(batch.made, 100)
        self.fields["first"].max_value = batch.made  # type: ignore[attr-defined]


class DesignForm(forms.ModelForm):  # type: ignore[type-arg]
    """Texts, colours, and a picture that is drawn anew."""

    picture = forms.FileField(
        label=_("logo"),
        required=False,
        help_text=_("PNG, JPEG or WebP, at most 2 MB"),
        widget=forms.ClearableFileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
    without_logo = forms.BooleanField(label=_("take the logo off"), required=False)

    class Meta:
        model = CardDesign
        fields = [
            "name", "title", "subtitle", "background", "foreground", "accent", "code",
            "rules_url", "hotline", "legal_entity", "note",
        ]  # fmt: skip
        help_texts = {
            "rules_url": _("Mandatory before cards of this design are in use, like the next two."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name in COLOURS:
                field.widget = forms.TextInput(attrs={"type": "color"})
            elif isinstance(field, forms.TypedChoiceField):
                field.widget = UnfoldAdminSelectWidget(choices=field.choices)
            elif type(field) is forms.CharField:
                field.widget = UnfoldAdminTextInputWidget(attrs=field.widget.attrs)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in COLOURS:
            colour = str(cleaned.get(name, "")).lower()
            if not COLOUR.fullmatch(colour):
                self.add_error(name, _("Choose a colour."))
            cleaned[name] = colour
        picture = cleaned.get("picture")
        if picture and picture.size > LOGO_BYTES:
            self.add_error("picture", _("The file is larger than 2 MB."))
        return cleaned
