"""What the set-up wizard asks, in the units that people write."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from members.models import Category
from rewards.forms.fields import MoneyField
from rewards.models import Programme
from rewards.rules.setup import GOALS, TRADES, Answers
from rewards.rules.setup.year import MOST_VISITS

MOST_GOODS = 300
TRADE_NAMES = {
    "cafe": _("café or bakery"),
    "grocery": _("grocery"),
    "fashion": _("clothes and shoes"),
    "salon": _("beauty, dentist, car service"),
    "pharmacy": _("pharmacy"),
    "fuel": _("filling station"),
    "mall": _("shopping mall"),
    "insurance": _("insurance"),
}
GOAL_NAMES = {
    "return": _("members come more often"),
    "basket": _("members buy more at a time"),
    "newcomers": _("more people join and come a second time"),
    "keep": _("fewer members leave"),
    "status": _("the best members feel it"),
}


#: Asked where there is no programme yet.
NEW = ("name", "currency", "time_zone")


class SetupForm(forms.Form):
    """Eight questions. ``answers`` are the first six as the rules read them."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    trade = forms.ChoiceField(
        label=_("What do you sell?"), choices=[(code, TRADE_NAMES[code]) for code in TRADES],
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    goal = forms.ChoiceField(
        label=_("What shall the programme reach first?"),
        choices=[(code, GOAL_NAMES[code]) for code in GOALS], widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    receipt = MoneyField(label=_("A usual receipt"), initial="10")
    visits = forms.IntegerField(
        label=_("Purchases of a usual member in a year"), min_value=1, max_value=MOST_VISITS,
        initial=24, widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    give_back = forms.DecimalField(
        label=_("Of members' sales you give back, %"), min_value=Decimal("0.1"), max_value=50,
        decimal_places=2, initial=5, widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("Points, discounts and gifts together. Three to seven is usual."),
    )  # fmt: skip
    goods = forms.ChoiceField(
        label=_("The category that you are known for"), required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Without one, offers for it and the stamp card are left out."),
    )  # fmt: skip
    owner = forms.CharField(
        label=_("Who answers for the programme?"), required=False, max_length=120,
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    aim = forms.CharField(
        label=_("By what will you know that it works?"), required=False, max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("A figure and a date: a third of receipts with a card by June."),
    )  # fmt: skip
    start = forms.BooleanField(
        label=_("start at once"), required=False,
        help_text=_("Otherwise all of it waits as drafts and switched off, to be looked through."),
    )  # fmt: skip

    name = forms.CharField(
        label=_("What is the programme called?"), max_length=200, widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    currency = forms.RegexField(
        r"^[A-Z]{3}$", label=_("Currency"), initial="USD", widget=UnfoldAdminTextInputWidget,
        help_text=_("Three letters, as in USD. It can't change after the first sale."),
    )  # fmt: skip
    time_zone = forms.CharField(
        label=_("Time zone"), max_length=64, initial="UTC", widget=UnfoldAdminTextInputWidget,
        help_text=_("As in Europe/Moscow. Days and nights of the programme go by it."),
    )  # fmt: skip

    field_order = ("key", "name", "currency", "time_zone")

    def __init__(self, *args: Any, programme: Programme, may_start: bool, **kwargs: Any) -> None:
        """An unsaved programme is one that is still to be named."""
        super().__init__(*args, **kwargs)
        if programme.pk:
            for name in NEW:
                del self.fields[name]
        self.fields["receipt"].currency = programme.currency  # type: ignore[attr-defined]
        self.fields["goods"].choices = [("", "—"), *_categories()]  # type: ignore[attr-defined]
        self.fields["start"].disabled = not may_start

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"]
        if zone not in available_timezones():
            raise forms.ValidationError(_("There is no such time zone."))
        return zone

    def new_programme(self) -> dict[str, Any]:
        """Settings of a programme that is made with the rest; empty when there is one."""
        return {name: self.cleaned_data[name] for name in NEW if name in self.fields}

    def answers(self) -> Answers:
        asked = self.cleaned_data
        return Answers(
            trade=asked["trade"],
            goal=asked["goal"],
            receipt_minor=asked["receipt"],
            visits_a_year=asked["visits"],
            give_back=int(asked["give_back"] * 100),
            goods=asked["goods"],
        )


def _categories() -> list[tuple[str, str]]:
    """The first of them by code: a shop's top categories come first."""
    return list(Category.objects.order_by("code").values_list("code", "name")[:MOST_GOODS])
