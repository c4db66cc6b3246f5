"""The terms of draws and contests as forms, with a row for each prize."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from rewards.forms.fields import MoneyField, adapt
from rewards.forms.games import TEXT, TermsForm, amount_of
from rewards.models import Contest, Draw, PrizeKind, Programme
from rewards.services.contests import ContestPrizePlan
from rewards.services.draws import DrawPrizePlan

KINDS = [one for one in PrizeKind.choices if one[0] != PrizeKind.NOTHING]


class DrawForm(TermsForm):
    class Meta:
        model = Draw
        fields = [
            "title", "code", "organiser", "rules", "information", "starts_at", "ends_at",
            "draws_at", "hand_over_place", "hand_over_until", "hand_over_terms", "reserves",
            "answer_days", "once_each", "beacon_source",
        ]  # fmt: skip


class ContestForm(TermsForm):
    class Meta:
        model = Contest
        fields = [
            "title", "code", "method", "ties", "most_mark", "entries_each", "organiser", "rules",
            "information", "starts_at", "ends_at", "results_at", "hand_over_place",
            "hand_over_terms",
        ]  # fmt: skip


class DrawPrizeForm(forms.Form):
    """One prize; for a draw ``number`` is how many, for a contest the place."""

    label = forms.CharField(label=_("prize"), max_length=200, required=False, widget=TEXT)
    number = forms.IntegerField(
        label=_("how many"), min_value=1, max_value=500, required=False, widget=TEXT
    )
    kind = forms.ChoiceField(
        label=_("kind"), choices=KINDS, required=False, initial=PrizeKind.OTHER,
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    what = forms.CharField(label=_("which one"), max_length=80, required=False, widget=TEXT)
    amount = forms.CharField(label=_("amount"), max_length=20, required=False, widget=TEXT)
    value = MoneyField(label=_("value for tax"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.programme: Programme = kwargs.pop("programme")
        super().__init__(*args, **kwargs)
        adapt(self.fields["value"], self.programme)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if asked.get("label") and "amount" in asked:
            try:
                asked["units"] = amount_of(asked["amount"], asked["kind"], self.programme)
            except ValidationError as refused:
                self.add_error("amount", refused)
        return asked


DrawPrizeRows = forms.formset_factory(DrawPrizeForm, extra=2, max_num=30, absolute_max=32)


def draw_plans(rows: Any) -> list[DrawPrizePlan]:
    return [
        DrawPrizePlan(
            row["label"], row["kind"], row["what"], row["units"], row["number"] or 1,
            row["value"] or 0,
        )
        for row in rows.cleaned_data
        if row.get("label")
    ]  # fmt: skip


def contest_plans(rows: Any) -> list[ContestPrizePlan]:
    """A row without a place takes the next one."""
    plans: list[ContestPrizePlan] = []
    for row in rows.cleaned_data:
        if row.get("label"):
            place = row["number"] or len(plans) + 1
            plans.append(
                ContestPrizePlan(
                    place, row["label"], row["kind"], row["what"], row["units"], row["value"] or 0
                )
            )
    return plans
