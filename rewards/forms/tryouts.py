"""Shapes of what staff ask when they try promotions: a basket, a period, a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.widgets import DayInput
from members.models import Store
from rewards.models import BackTest, Programme, Promotion, PromotionVersion
from rewards.services.tryout.sides import VersionRef
from rewards.services.tryout.work import Period

#: What may be picked; more than so many are named by the API.
MOST_PICKED_FROM = 300
State = PromotionVersion.State
Choices = list[tuple[str, str]]


class Ticks(forms.CheckboxSelectMultiple):
    """Boxes to tick, in a list that scrolls when it is long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attrs["class"] = "lc-ticks"


class MomentInput(forms.DateTimeInput):
    """The browser's own calendar and clock."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M")


def versions_to_try(programme: Programme) -> Choices:
    """Every version that has not ended, the newest first."""
    known = PromotionVersion.objects.filter(promotion__programme=programme)
    known = known.exclude(state=State.ENDED).select_related("promotion").order_by("-pk")
    return [
        (
            f"{one.promotion.code}:{one.number}",
            f"{one.promotion.name} · {one.number} · {one.get_state_display()}",
        )
        for one in known[:MOST_PICKED_FROM]
    ]


def live_promotions(programme: Programme) -> Choices:
    live = Promotion.objects.filter(programme=programme, versions__state=State.LIVE)
    return list(live.order_by("name").values_list("code", "name")[:MOST_PICKED_FROM])


def stores() -> Choices:
    known = Store.objects.filter(is_active=True).order_by("code")
    return list(known.values_list("code", "name")[:MOST_PICKED_FROM])


def refs_of(picked: Iterable[str]) -> list[VersionRef]:
    pairs = (one.rpartition(":") for one in picked)
    return [VersionRef(code, int(number)) for code, _colon, number in pairs]


def _ticks(label: Any, help_text: Any = "") -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(label=label, required=False, widget=Ticks, help_text=help_text)


class WhatToTry(forms.Form):
    """Which versions, and without which promotions."""

    versions = _ticks(
        _("versions to try"), _("A version takes the place of the live one of its promotion.")
    )
    without = _ticks(_("leave out"), _("Live promotions that shall not count."))

    def __init__(self, *args: Any, programme: Programme, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.programme = programme
        self._choices("versions", versions_to_try(programme))
        self._choices("without", live_promotions(programme))

    def _choices(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)

    def clean(self) -> dict[str, Any]:
        asked: dict[str, Any] = super().clean() or {}
        codes = [one.rpartition(":")[0] for one in asked.get("versions", [])]
        if len(set(codes)) != len(codes):
            self.add_error("versions", _("Choose one version of each promotion."))
        return asked

    @property
    def refs(self) -> list[VersionRef]:
        return refs_of(self.cleaned_data["versions"])


def _last_month() -> date:
    return clock.now().date() - timedelta(days=30)


class OverPeriod(OnceForm, WhatToTry):
    """The same over the receipts of some days."""

    first_day = forms.DateField(label=_("first day"), widget=DayInput, initial=_last_month)
    last_day = forms.DateField(
        label=_("last day"), widget=DayInput, initial=lambda: clock.now().date()
    )
    stores = _ticks(_("stores"), _("None ticked: every store."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choices("stores", stores())

    def clean(self) -> dict[str, Any]:
        asked = super().clean()
        first, last = asked.get("first_day"), asked.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The last day is before the first."))
        if not (asked.get("versions") or asked.get("without") or self.errors):
            self.add_error("versions", _("Choose a version to try, or a promotion to leave out."))
        return asked

    @property
    def period(self) -> Period:
        asked = self.cleaned_data
        return Period(
            first_day=asked["first_day"],
            last_day=asked["last_day"],
            stores=tuple(asked["stores"]),
        )

    def asked(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "key"}


class BackTestForm(OverPeriod):
    field_order = ["name", "versions", "baseline", "without", "first_day", "last_day", "stores"]

    name = forms.CharField(
        label=_("name"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget
    )
    baseline = forms.ChoiceField(
        label=_("compare with"),
        choices=BackTest.Baseline.choices,
        widget=UnfoldAdminSelectWidget,
    )


class RetroForm(OverPeriod):
    field_order = ["reason", "versions", "without", "first_day", "last_day", "stores"]

    reason = forms.CharField(
        label=_("reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Members read it in their statement."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["without"].label = _("instead of")
        self.fields["without"].help_text = _(
            "Promotions whose points the versions stand in for: only the difference moves."
        )


class SandboxForm(WhatToTry):
    """Where, when, who and how; the goods stand in rows of their own."""

    WHO = [
        ("nobody", _("nobody shows a card")),
        ("card", _("a member's card")),
        ("invented", _("a member I describe")),
    ]
    field_order = ["versions", "without", "store", "moment", "who", "card"]

    store = forms.ChoiceField(label=_("store"), widget=UnfoldAdminSelectWidget)
    moment = forms.DateTimeField(
        label=_("moment"), required=False, widget=MomentInput, help_text=_("Empty: now.")
    )
    who = forms.ChoiceField(label=_("who buys"), choices=WHO, widget=UnfoldAdminSelectWidget)
    card = forms.CharField(
        label=_("card number"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget
    )
    purchases = forms.IntegerField(label=_("purchases so far"), required=False, min_value=0)
    spend = forms.CharField(label=_("spent before"), required=False)
    visits = forms.IntegerField(label=_("visits before"), required=False, min_value=0)
    birth_date = forms.DateField(label=_("birth date"), required=False, widget=DayInput)
    enrolled_on = forms.DateField(label=_("member since"), required=False, widget=DayInput)
    last_purchase_on = forms.DateField(label=_("last purchase"), required=False, widget=DayInput)
    tags = forms.CharField(label=_("tags"), required=False, max_length=400)
    segments = forms.CharField(label=_("segments"), required=False, max_length=400)
    tier = forms.CharField(label=_("tier"), required=False, max_length=80)
    coupons_of = _ticks(_("coupon shown of"))
    tenders = forms.CharField(
        label=_("paid with"),
        required=False,
        max_length=200,
        help_text=_("Kinds of payment, such as cash or card."),
    )
    points = forms.CharField(label=_("points to pay with"), required=False)

    INVENTED = (
        "purchases", "spend", "visits", "birth_date", "enrolled_on", "last_purchase_on", "tags",
        "segments", "tier",
    )  # fmt: skip

    def __init__(self, *args: Any, programme: Programme, **kwargs: Any) -> None:
        super().__init__(*args, programme=programme, **kwargs)
        self._choices("store", stores())
        self._choices("coupons_of", coupon_promotions(programme))
        for field in self.fields.values():
            dress(field, programme)

    def invented_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.INVENTED]

    def clean(self) -> dict[str, Any]:
        asked = super().clean()
        if asked.get("who") == "card" and not asked.get("card"):
            self.add_error("card", _("Which card?"))
        return asked


def dress(field: forms.Field, programme: Programme) -> None:
    """The theme's clothes for plain fields."""
    classes = " ".join(INPUT_CLASSES)
    if type(field.widget) in (forms.TextInput, forms.NumberInput):
        field.widget.attrs["class"] = classes


def coupon_promotions(programme: Programme) -> Choices:
    """Promotions of which some version that has not ended asks for its own coupon."""
    asking = PromotionVersion.objects.filter(
        promotion__programme=programme, definition__coupon__required=True
    ).exclude(state=State.ENDED)
    found = asking.order_by("promotion__name").values_list("promotion__code", "promotion__name")
    return list(found.distinct()[:MOST_PICKED_FROM])


def words_of(text: str) -> tuple[str, ...]:
    """Codes that are written with commas or spaces between them."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))
