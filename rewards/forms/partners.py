"""Shapes of what staff type about partners."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.models import Integration
from loyalty_crm.kernel.widgets import DayInput
from members.models import Store
from rewards.forms.fields import MoneyField
from rewards.models import Partner, PartnerContract, PartnerOffer
from rewards.services.partners.directory import About
from rewards.services.partners.offers import MOST_AT_ONCE

EVENT_ROWS = 8


def _text(label: Any, most: int, **kwargs: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=most, widget=UnfoldAdminTextInputWidget, **kwargs
    )


def _number(label: Any, most: int, **kwargs: Any) -> forms.IntegerField:
    least = kwargs.pop("least", 1)
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=most,
        widget=UnfoldAdminIntegerFieldWidget,
        **kwargs,
    )


def _switch(label: Any, **kwargs: Any) -> forms.BooleanField:
    return forms.BooleanField(
        label=label, required=False, widget=UnfoldBooleanSwitchWidget, **kwargs
    )


class PartnerForm(OnceForm):
    """Who the partner is. Its stores and its key's rights follow from here."""

    name = _text(_("name"), 120)
    code = forms.SlugField(
        label=_("code"), max_length=40, widget=UnfoldAdminTextInputWidget,
        help_text=_("Latin letters, digits and hyphens; partners see it in answers of the API."),
    )  # fmt: skip
    category = _text(
        _("category"), 60, required=False, help_text=_("How members find it: café, travel, sport.")
    )
    about = forms.CharField(
        label=_("what members read about it"), max_length=2_000, required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )  # fmt: skip
    website = forms.URLField(
        label=_("website"), required=False, widget=UnfoldAdminTextInputWidget,
        assume_scheme="https",
    )  # fmt: skip
    contacts = forms.CharField(
        label=_("contacts"), max_length=2_000, required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("For the staff: who settles, who repairs the till."),
    )  # fmt: skip
    stores = forms.ModelMultipleChoiceField(
        Store.objects.order_by("code"), required=False, label=_("stores"),
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text=_("A store belongs to one partner at most."),
    )  # fmt: skip
    integration = forms.ModelChoiceField(
        Integration.objects.order_by("name"), required=False, label=_("integration"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("Its API keys speak for this partner, and see no other."),
    )  # fmt: skip
    is_active = _switch(_("active"), initial=True)

    @staticmethod
    def initial_of(partner: Partner) -> dict[str, Any]:
        names = [name for name in PartnerForm.base_fields if name not in ("key", "stores")]
        stores = Store.objects.filter(of_partner__partner=partner)
        return {**{name: getattr(partner, name) for name in names}, "stores": stores}

    def about_it(self) -> About:
        typed = {name: value for name, value in self.cleaned_data.items() if name != "key"}
        return About(**{**typed, "stores": list(typed["stores"])})


class ContractForm(OnceForm):
    """What is agreed: rates, who pays, from when. Amounts in the programme's currency."""

    starts_on = forms.DateField(label=_("from"), widget=DayInput)
    ends_on = forms.DateField(label=_("until"), required=False, widget=DayInput)
    mode = forms.ChoiceField(
        label=_("payment"), choices=PartnerContract.Mode.choices, widget=UnfoldAdminSelectWidget
    )
    may_earn = _switch(_("gives points"), initial=True)
    earn_points = _number(_("points"), 10**6, least=0, initial=1)
    earn_minor = MoneyField(label=_("for each"), initial=100)
    events = forms.CharField(
        label=_("points for events"), required=False, max_length=3_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "policy_renewed = 500"}),
        help_text=_("One a line: the code of the event, =, points."),
    )  # fmt: skip
    earn_price_minor = MoneyField(label=_("price of 1 000 points given"), initial=1000)
    earn_share_percent = _number(
        _("of it the partner bears, %"), 100, least=0, initial=100,
        help_text=_("0: the programme pays for the points. 50: each pays half."),
    )  # fmt: skip
    may_burn = _switch(_("takes points"), initial=True)
    burn_price_minor = MoneyField(label=_("price of 1 000 points taken"), initial=1000)
    burn_share_percent = _number(
        _("of it the programme pays to the partner, %"), 100, least=0, initial=100
    )
    note = _text(_("note"), 300, required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, MoneyField):
                field.currency = currency

    def clean_events(self) -> dict[str, int]:
        events: dict[str, int] = {}
        for line in self.cleaned_data["events"].splitlines():
            if not line.strip():
                continue
            code, _sign, points = (part.strip() for part in line.partition("="))
            if not (code and points.isascii() and points.isdecimal()):
                raise forms.ValidationError(_("A line looks like: policy_renewed = 500"))
            events[code] = int(points)
        return events

    def terms(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "key"}


class DepositForm(OnceForm):
    """Money that came in; with a minus it went out."""

    amount = MoneyField(label=_("amount"), help_text=_("With a minus it is paid out."))
    reference = _text(_("document"), 80, help_text=_("The number of the payment: counted once."))
    note = _text(_("note"), 300, required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]


class DayForm(OnceForm):
    """A last day: of a settlement, or of a contract."""

    last_day = forms.DateField(label=_("last day"), widget=DayInput)


class OfferForm(OnceForm):
    """What members get at the partner."""

    partner = forms.ModelChoiceField(
        Partner.objects.filter(is_active=True).order_by("name"), label=_("partner"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    title = _text(_("title"), 120, help_text=_("10 % off every pair of shoes"))
    text = forms.CharField(
        label=_("text"), max_length=2_000, required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )  # fmt: skip
    per_member = _number(_("codes for one member"), 100, initial=1)
    valid_from = forms.DateField(label=_("from"), required=False, widget=DayInput)
    valid_until = forms.DateField(label=_("until"), required=False, widget=DayInput)

    @staticmethod
    def initial_of(offer: PartnerOffer) -> dict[str, Any]:
        names = [name for name in OfferForm.base_fields if name != "key"]
        return {name: getattr(offer, name) for name in names}

    def terms(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in ("key", "partner")
        }


class CodesForm(OnceForm):
    """The partner's own codes, or so many of our making: one of the two."""

    codes = forms.CharField(
        label=_("codes of the partner"), required=False, max_length=2_000_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}), help_text=_("One a line."),
    )  # fmt: skip
    count = _number(_("or draw so many"), MOST_AT_ONCE, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if bool(data.get("codes")) == bool(data.get("count")):
            raise forms.ValidationError(_("Paste codes, or say how many to draw."))
        return data


class NothingForm(OnceForm):
    """A step that asks nothing."""
