"""A ladder of tiers as one form: its settings, and a row for each tier from below."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from rewards.forms.fields import MoneyField, PointsField, adapt
from rewards.models import Programme, TierStructure
from rewards.services.tiers.ladders import Step

Metric = TierStructure.Metric


class LadderForm(forms.ModelForm):  # type: ignore[type-arg]
    """What counts, over which time, and what happens at the review."""

    review_now = forms.BooleanField(
        label=_("review those at once whose tier becomes dearer"),
        required=False,
        help_text=_("Otherwise they keep their tier until its time is over."),
    )

    GROUPS = (
        (_("The ladder"), ("name", "code", "is_primary")),
        (_("What counts"), ("metric", "window", "window_days", "needs")),
        (_("Up and down"), ("rises", "term_days", "landing", "grace_days", "review_now")),
    )

    class Meta:
        model = TierStructure
        fields = [
            "name", "code", "is_primary", "metric", "window", "window_days", "rises", "term_days",
            "needs", "landing", "grace_days",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            adapt(field, self.instance.programme)

    def groups(self) -> list[dict[str, Any]]:
        return [
            {"title": title, "fields": [self[name] for name in names]}
            for title, names in self.GROUPS
        ]


class StepForm(forms.Form):
    """One tier. An empty row is no tier."""

    code = forms.SlugField(
        label=_("code"), max_length=40, required=False, widget=UnfoldAdminTextInputWidget
    )
    name = forms.CharField(
        label=_("name"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )
    threshold = forms.CharField(
        label=_("begins at"), max_length=20, required=False, widget=UnfoldAdminTextInputWidget
    )

    visits = forms.IntegerField(
        label=_("purchases, if they count too"),
        min_value=1,
        max_value=10**6,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        needed = ("code", "name", "threshold")
        if any(asked.values()) and not all(asked.get(name) for name in needed):
            raise ValidationError(_("A tier has a code, a name and a figure where it begins."))
        return asked


StepRows = forms.formset_factory(StepForm, extra=2, max_num=20, absolute_max=22)


def threshold_of(text: str, metric: str, programme: Programme) -> int:
    """What somebody wrote, in the unit of what counts; ``ValidationError`` says how to write it."""
    if metric == Metric.SPEND:
        field: forms.Field = MoneyField(currency=programme.currency)
    elif metric == Metric.POINTS:
        field = PointsField(scale=programme.points_scale)
    else:
        field = forms.IntegerField(min_value=0, max_value=10**6)
    value: int = field.clean(text)
    return value


def missing_text(value: int, visits: int, metric: str, programme: Programme) -> str:
    """What is missing of one or both figures, in words."""
    figure = threshold_text(value, metric, programme)
    if not visits:
        return figure
    purchases = ngettext("%(count)s purchase", "%(count)s purchases", visits) % {"count": visits}
    return f"{figure} · {purchases}" if value else purchases


def threshold_text(minor: int, metric: str, programme: Programme) -> str:
    if metric == Metric.SPEND:
        return str(Money(minor, programme.currency).as_decimal())
    return Points(minor, programme.points_scale if metric == Metric.POINTS else 0).format()


def steps_of(rows: Any, metric: str, programme: Programme) -> list[Step]:
    """The filled rows; a figure that can't be read is put under its field and leaves a gap."""
    steps = []
    for row in rows:
        asked = row.cleaned_data
        if not asked.get("code"):
            continue
        try:
            figure = threshold_of(asked["threshold"], metric, programme)
        except ValidationError as refused:
            row.add_error("threshold", refused)
            continue
        steps.append(Step(asked["code"], asked["name"], figure, asked["visits"]))
    return steps
