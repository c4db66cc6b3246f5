"""Shapes of what staff type about gift cards."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.widgets import DayInput
from rewards.forms.fields import MoneyField
from rewards.services.gift_cards.batches import MOST_CARDS, BatchOrder


class GiftBatchForm(OnceForm):
    """What is asked for; somebody else decides."""

    name = forms.CharField(label=_("name"), max_length=120, widget=UnfoldAdminTextInputWidget)
    reason = forms.CharField(
        label=_("reason"), max_length=300, widget=UnfoldAdminTextInputWidget,
        help_text=_("Whoever approves reads it."),
    )  # fmt: skip
    wanted = forms.IntegerField(
        label=_("number of cards"), min_value=1, max_value=MOST_CARDS,
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    amount = MoneyField(
        label=_("amount on each card"), required=False,
        help_text=_("Empty: printed stock, worth nothing until it is sold. An amount is a gift."),
    )  # fmt: skip
    with_pin = forms.BooleanField(
        label=_("with a PIN"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )
    expires_on = forms.DateField(label=_("usable until"), required=False, widget=DayInput)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]

    def order(self) -> BatchOrder:
        typed = self.cleaned_data
        return BatchOrder(
            name=typed["name"],
            reason=typed["reason"],
            wanted=typed["wanted"],
            amount_minor=typed["amount"] or 0,
            with_pin=typed["with_pin"],
            expires_on=typed["expires_on"],
        )


class GiftTermsForm(OnceForm):
    """What holds for all cards."""

    cash_out = MoneyField(
        label=_("rest that may be paid out in cash"),
        help_text=_("A card with no more than this on it may be paid out and closed. 0: never."),
    )
    checks = forms.IntegerField(
        label=_("balance checks of one card a minute"), min_value=1, max_value=1_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cash_out"].currency = currency  # type: ignore[attr-defined]
