"""Stamp programmes, terms of claims, challenges, badges and leaderboards as forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from loyalty_crm.kernel.money import Money
from rewards.forms.fields import MoneyField, adapt
from rewards.models import Badge, Challenge, ClaimTerms, Leaderboard, StampProgramme

REWARDS = [
    ("", _("nothing")),
    ("points", _("points")),
    ("next_coupon", _("coupons of a promotion")),
    ("gift", _("a product as a gift")),
    ("tag", _("a tag")),
    ("game_plays", _("plays of a game")),
    ("draw_tickets", _("tickets of a prize draw")),
    ("stamps", _("stamps of another card")),
]
CODE_HELP = _("Promotion, SKU, tag, game, draw or stamp card by its code. Points need none.")


class SectionedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form of the admin in named parts, in the theme's clothes."""

    parts: Any = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "reward_kind" in self.fields:
            self.fields["reward_kind"] = forms.ChoiceField(
                label=_("reward"), choices=REWARDS, required=False, widget=UnfoldAdminSelectWidget
            )
            self.fields["reward_code"].help_text = CODE_HELP
        for field in self.fields.values():
            adapt(field, self.programme)
        if self.instance.pk and "code" in self.fields:
            self.fields["code"].disabled = True

    @property
    def programme(self) -> Any:
        return self.instance.programme

    @property
    def sections(self) -> Iterator[tuple[Any, list[BoundField]]]:
        for title, names in self.parts:
            yield title, [self[name] for name in names]


class StampProgrammeForm(SectionedForm):
    """``needed`` is a number of stamps, or for a sum an amount of money."""

    needed = forms.CharField(
        label=_("a card is full at"),
        max_length=20,
        help_text=_("Stamps, or for receipts up to a sum the money, such as 100.00"),
    )
    parts = (
        (_("The card"), ["name", "code", "kind", "needed", "is_active"]),
        (_("The reward"), ["reward_kind", "reward_code", "reward_amount", "reward_valid_days"]),
        (_("Stamps"), ["stamp_days", "carry_over", "cards_per_member", "after_use"]),
        (_("By hand"), ["manual_per_day", "manual_direct"]),
    )

    class Meta:
        model = StampProgramme
        fields = [
            "name", "code", "kind", "is_active", "reward_kind", "reward_code",
            "reward_amount", "reward_valid_days", "stamp_days", "carry_over", "cards_per_member",
            "after_use", "manual_per_day", "manual_direct",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["kind"].disabled = True
        if self.instance.needed:
            self.initial["needed"] = needed_text(self.instance)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if "needed" not in asked:
            return asked
        try:
            asked["needed"] = self._needed(asked["needed"], asked.get("kind"))
        except ValidationError as refused:
            self.add_error("needed", refused)
        return asked

    def _needed(self, text: str, kind: str | None) -> int:
        if kind == StampProgramme.Kind.SUM:
            field: forms.Field = MoneyField(currency=self.programme.currency)
        else:
            field = forms.IntegerField(min_value=1, max_value=1_000)
        value: int = field.clean(text)
        return value


def needed_text(programme: StampProgramme) -> str:
    if not programme.is_sum:
        return str(programme.needed)
    return str(Money(programme.needed, programme.programme.currency).as_decimal())


class ClaimTermsForm(SectionedForm):
    review_above_minor = MoneyField(
        label=_("a second person looks at receipts above"), required=False
    )
    parts = (
        (_("Who may claim"), ["is_open", "window_days", "per_day"]),
        (_("What is looked at first"), ["review_above_minor", "staff_per_day"]),
    )

    class Meta:
        model = ClaimTerms
        fields = ["is_open", "window_days", "per_day", "review_above_minor", "staff_per_day"]


class ChallengeForm(SectionedForm):
    least_minor = MoneyField(label=_("receipts from this sum"), required=False)
    parts = (
        (_("The challenge"), ["name", "code", "text", "is_active"]),
        (_("What counts"), ["metric", "least_minor", "grace_weeks"]),
        (_("When"), ["starts_on", "ends_on"]),
    )

    class Meta:
        model = Challenge
        fields = [
            "name", "code", "text", "is_active", "metric", "least_minor", "grace_weeks",
            "starts_on", "ends_on",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("starts_on", "ends_on"):
            self.fields[name].widget = UnfoldAdminTextInputWidget(attrs={"type": "date"})

    def clean_least_minor(self) -> int:
        return int(self.cleaned_data["least_minor"] or 0)


class StepForm(forms.Form):
    """One step of a challenge. An empty row is none."""

    target = forms.CharField(
        label=_("reached at"), max_length=20, required=False, widget=UnfoldAdminTextInputWidget
    )
    reward_kind = forms.ChoiceField(
        label=_("reward"), choices=REWARDS, required=False, widget=UnfoldAdminSelectWidget
    )
    reward_code = forms.CharField(
        label=_("which one"), max_length=80, required=False, widget=UnfoldAdminTextInputWidget
    )
    reward_amount = forms.IntegerField(
        label=_("how many"),
        min_value=1,
        max_value=10**6,
        required=False,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    badge = forms.ModelChoiceField(
        Badge.objects.filter(programme__is_default=True),
        label=_("badge"),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


StepRows = forms.formset_factory(StepForm, extra=2, max_num=10, absolute_max=12)


def steps_of(rows: Any, metric: str, currency: str) -> list[dict[str, Any]]:
    """The filled rows; a figure that can't be read is put under its field."""
    money = MoneyField(currency=currency)
    count = forms.IntegerField(min_value=1, max_value=10**6)
    steps = []
    for row in rows:
        asked = row.cleaned_data
        if not asked.get("target"):
            continue
        field: forms.Field = money if metric == Challenge.Metric.SPEND else count
        try:
            target = field.clean(asked["target"])
        except ValidationError as refused:
            row.add_error("target", refused)
            continue
        amount = asked["reward_amount"] or 1
        steps.append({**asked, "target": target, "reward_amount": amount})
    return steps


class LeaderboardForm(SectionedForm):
    parts = (
        (_("The ranking"), ["name", "code", "is_active"]),
        (_("What counts"), ["score", "cycle", "places", "freeze_after_hours"]),
    )

    class Meta:
        model = Leaderboard
        fields = ["name", "code", "is_active", "score", "cycle", "places", "freeze_after_hours"]


class BadgeForm(SectionedForm):
    parts = ((_("The badge"), ["name", "code", "text", "icon"]),)

    class Meta:
        model = Badge
        fields = ["name", "code", "text", "icon"]
