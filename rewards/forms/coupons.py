"""Shapes of what staff type about coupons."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.widgets import DayInput
from members.models import Store
from rewards.models import CouponBatch, Programme, Promotion
from rewards.rules.codes import LEAST_LENGTH, LONGEST, SAFE_LENGTH
from rewards.services.coupons.batches import MOST_CODES, MOST_RANDOM, BatchTerms


def _number(label: Any, most: int, **kwargs: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=kwargs.pop("least", 1),
        max_value=most,
        widget=UnfoldAdminIntegerFieldWidget,
        **kwargs,
    )


class BatchForm(OnceForm):
    """The terms of a batch. Days are days of the programme's calendar."""

    name = forms.CharField(label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    promotion = forms.ModelChoiceField(
        Promotion.objects.filter(programme__is_default=True).order_by("name"),
        to_field_name="code",
        label=_("promotion"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("Its definition has to say that a coupon is needed."),
    )
    kind = forms.ChoiceField(
        label=_("kind"), choices=CouponBatch.Kind.choices, widget=UnfoldAdminSelectWidget
    )
    code = forms.CharField(
        label=_("the code, of a generic one"), max_length=LONGEST, required=False,
        widget=UnfoldAdminTextInputWidget, help_text=_("Left empty, one is drawn."),
    )  # fmt: skip
    count = _number(_("how many codes, of unique ones"), MOST_CODES, required=False)
    starts_with = forms.CharField(
        label=_("prefix"), max_length=20, required=False, widget=UnfoldAdminTextInputWidget
    )
    random_length = _number(
        _("random places"), MOST_RANDOM, least=LEAST_LENGTH, initial=SAFE_LENGTH,
        help_text=_("13 cannot be guessed. Fewer are for coupons of little value."),
    )  # fmt: skip
    uses_per_code = _number(
        _("uses of a code"), 10**9, required=False, initial=1,
        help_text=_("Left empty: as often as one likes."),
    )  # fmt: skip
    uses_per_member = _number(
        _("uses of a member"), 10**9, required=False,
        help_text=_("Of all codes of the batch together. The coupon then needs a card."),
    )  # fmt: skip
    valid_from = forms.DateField(label=_("valid from"), required=False, widget=DayInput)
    valid_until = forms.DateField(label=_("last day"), required=False, widget=DayInput)
    valid_days = _number(_("days valid after issue"), 3_660, required=False)
    stores = forms.ModelMultipleChoiceField(
        Store.objects.order_by("code"), to_field_name="code", required=False,
        label=_("stores"), widget=UnfoldAdminSelect2MultipleWidget, help_text=_("Left empty: all."),
    )  # fmt: skip
    reopen_on_return = forms.BooleanField(
        label=_("free again after a full return"), required=False, initial=True,
        widget=UnfoldBooleanSwitchWidget,
    )  # fmt: skip

    def terms(self, programme: Programme) -> BatchTerms:
        typed = {name: value for name, value in self.cleaned_data.items() if name != "key"}
        prefix = typed.pop("starts_with")
        zone = ZoneInfo(programme.time_zone)
        ends = typed["valid_until"]
        return BatchTerms(
            **{
                **typed,
                "promotion": typed["promotion"].code,
                "count": typed["count"] or 0,
                "prefix": prefix.upper(),
                "stores": [store.code for store in typed["stores"]],
                "valid_from": _moment(typed["valid_from"], time.min, zone),
                "valid_until": _moment(ends, time.max, zone),
            }
        )


def _moment(day: Any, at: time, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, at, zone) if day else None


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("code"), max_length=80,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )  # fmt: skip


class RevokeForm(CodeForm):
    reason = forms.CharField(label=_("reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


class IssueForm(OnceForm):
    """A coupon for one member, from the member's page."""

    promotion = forms.ModelChoiceField(
        Promotion.objects.filter(programme__is_default=True).order_by("name"),
        to_field_name="code",
        label=_("promotion"),
        widget=UnfoldAdminSelectWidget,
    )
    valid_days = _number(_("days valid after issue"), 3_660, required=False)


class PassphraseForm(forms.Form):
    passphrase = forms.CharField(
        label=_("passphrase"), max_length=80,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )  # fmt: skip
