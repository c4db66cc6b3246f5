"""A game as one form: its settings, sets of prizes, and a row for each prize."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from rewards.forms.fields import MoneyField, ScaledPointsField, adapt
from rewards.models import Game, PrizeKind, PrizeSettings, Programme
from rewards.services.games import PrizePlan, SetPlan

TEXT = UnfoldAdminTextInputWidget
MOMENT = "%Y-%m-%dT%H:%M"


class MomentInput(UnfoldAdminTextInputWidget):
    """The browser's own picker of a day and an hour."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> Any:
        return value.strftime(MOMENT) if hasattr(value, "strftime") else value


class DayInput(UnfoldAdminTextInputWidget):
    input_type = "date"

    def format_value(self, value: Any) -> Any:
        return value.isoformat() if hasattr(value, "isoformat") else value


class TermsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the forms of games, draws and contests share: the theme's clothes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field, self.instance.programme)


def dress(field: forms.Field, programme: Programme) -> None:
    is_long = isinstance(field.widget, forms.Textarea)
    adapt(field, programme)
    if isinstance(field, forms.DateTimeField):
        field.widget = MomentInput()
        field.input_formats = [MOMENT, "%Y-%m-%dT%H:%M:%S"]
    elif isinstance(field, forms.DateField):
        field.widget = DayInput()
    elif is_long:
        field.widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
    elif isinstance(field, forms.SlugField | forms.URLField):
        field.widget = TEXT()


class GameForm(TermsForm):
    """The settings of a game. Questions are written as text: a star marks the right option."""

    budget_minor = MoneyField(label=_("budget"), required=False)
    quiz = forms.CharField(
        label=_("questions of the quiz"),
        required=False,
        max_length=8_000,
        widget=forms.Textarea,
        help_text=_(
            "A question, below it its options, one a line; a star before the right one. "
            "An empty line parts two questions."
        ),
    )

    class Meta:
        model = Game
        fields = [
            "name", "code", "form", "starts_at", "ends_at", "on_empty", "budget_minor",
            "expected_plays", "period_days", "terms",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["quiz"].initial = text_of(self.instance.questions)

    def clean_quiz(self) -> list[dict[str, Any]]:
        return questions_of(self.cleaned_data["quiz"])

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        self.instance.questions = asked.get("quiz", [])
        return asked


def text_of(questions: list[dict[str, Any]]) -> str:
    blocks = []
    for question in questions:
        options = [
            f"{'* ' if number == question['right'] else ''}{text}"
            for number, text in enumerate(question["options"])
        ]
        blocks.append("\n".join([question["text"], *options]))
    return "\n\n".join(blocks)


def questions_of(text: str) -> list[dict[str, Any]]:
    blocks = [block.split("\n") for block in text.replace("\r", "").strip().split("\n\n") if block]
    questions: list[dict[str, Any]] = []
    for block in blocks:
        lines = [line.strip() for line in block if line.strip()]
        head, options = lines[0], lines[1:]
        right = [number for number, option in enumerate(options) if option.startswith("*")]
        if not 2 <= len(options) <= 6 or len(right) != 1 or len(questions) > 9:
            raise ValidationError(
                _("A question has 2 to 6 options, one of them with a star; ten questions at most.")
            )
        cut = [option.lstrip("* ")[:300] for option in options]
        questions.append({"text": head[:300], "options": cut, "right": right[0]})
    return questions


class SetForm(forms.Form):
    """Who plays for another set of prizes. An empty row is no set."""

    code = forms.SlugField(label=_("code of the set"), max_length=40, required=False, widget=TEXT)
    tag = forms.CharField(
        label=_("for members with the tag"), max_length=80, required=False, widget=TEXT
    )
    tier = forms.CharField(
        label=_("for members of the tier"), max_length=40, required=False, widget=TEXT
    )


class PrizeForm(forms.Form):
    """One prize. A row without a name is no prize."""

    label = forms.CharField(label=_("prize"), max_length=200, required=False, widget=TEXT)
    prize_set = forms.SlugField(
        label=_("set"), max_length=40, required=False, initial="all", widget=TEXT
    )
    kind = forms.ChoiceField(
        label=_("kind"), choices=PrizeKind.choices, required=False, widget=UnfoldAdminSelectWidget
    )
    what = forms.CharField(label=_("which one"), max_length=80, required=False, widget=TEXT)
    amount = forms.CharField(label=_("amount"), max_length=20, required=False, widget=TEXT)
    weight = forms.IntegerField(
        label=_("weight"), min_value=0, max_value=1_000_000, required=False, widget=TEXT
    )
    stock = forms.IntegerField(
        label=_("pieces"), min_value=0, max_value=10**9, required=False, widget=TEXT
    )
    cost = MoneyField(label=_("cost"), required=False)
    value = MoneyField(label=_("value for tax"), required=False)
    is_consolation = forms.BooleanField(label=_("consolation"), required=False)
    code = forms.SlugField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.programme: Programme = kwargs.pop("programme")
        super().__init__(*args, **kwargs)
        for name in ("cost", "value"):
            adapt(self.fields[name], self.programme)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if asked.get("label") and "amount" in asked:
            try:
                asked["units"] = amount_of(asked["amount"], asked["kind"], self.programme)
            except ValidationError as refused:
                self.add_error("amount", refused)
        return asked


SetRows = forms.formset_factory(SetForm, extra=1, max_num=9, absolute_max=10)
PrizeRows = forms.formset_factory(PrizeForm, extra=3, max_num=60, absolute_max=63)


def amount_of(text: str, kind: str, programme: Programme) -> int:
    """What somebody wrote, in units of the kind: points, money, or pieces; nothing is one."""
    if kind == PrizeKind.POINTS:
        field: forms.Field = ScaledPointsField(scale=programme.points_scale)
    elif kind == PrizeKind.GIFT_CARD:
        field = MoneyField(currency=programme.currency)
    else:
        field = forms.IntegerField(min_value=1, max_value=10**6)
    if not text and kind in (PrizeKind.POINTS, PrizeKind.GIFT_CARD):
        raise ValidationError(_("Say how much."))
    units: int = field.clean(text or "1")
    return units


def amount_text(units: int, kind: str, programme: Programme) -> str:
    if kind == PrizeKind.GIFT_CARD:
        return str(Money(units, programme.currency).as_decimal())
    return Points(units, programme.points_scale if kind == PrizeKind.POINTS else 0).format()


def plans_of(sets: Any, prizes: Any) -> list[SetPlan]:
    """The filled rows, prizes gathered by their set; the set of all the others comes last."""
    known = {"all": ("", "")} | {
        row["code"]: (row["tag"], row["tier"]) for row in sets.cleaned_data if row.get("code")
    }
    gathered: dict[str, list[PrizePlan]] = {code: [] for code in known}
    rows = [row for row in prizes.cleaned_data if row.get("label")]
    taken = {row["code"] for row in rows if row["code"]}
    for row in rows:
        code = row["code"] or _free(taken)
        taken.add(code)
        gathered.setdefault(row["prize_set"] or "all", []).append(_plan(code, row))
    order = sorted(gathered, key=lambda code: code == "all")
    return [SetPlan(tuple(gathered[code]), code, *known.get(code, ("", ""))) for code in order]


def _plan(code: str, row: dict[str, Any]) -> PrizePlan:
    return PrizePlan(
        code=code,
        label=row["label"],
        kind=row["kind"],
        what=row["what"],
        amount=row["units"],
        weight=1 if row["weight"] is None else row["weight"],
        stock=row["stock"],
        cost_minor=row["cost"] or 0,
        value_minor=row["value"] or 0,
        is_consolation=row["is_consolation"],
    )


def _free(taken: set[str]) -> str:
    return next(f"p{number}" for number in range(1, 200) if f"p{number}" not in taken)


class BoundsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The programme's floor of the odds, and what is known about the tax of prizes."""

    tax_free_minor = MoneyField(label=_("prizes free of tax per person and year"))

    class Meta:
        model = PrizeSettings
        fields = ["win_floor_basis_points", "tax_free_minor", "tax_basis_points"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field, self.instance.programme)


class HandOverForm(forms.Form):
    """How it is known that the prize is in the member's hands."""

    proof = forms.CharField(
        label=_("proof of the hand-over"),
        max_length=300,
        widget=TEXT,
        help_text=_("Number of the paper that was signed, for instance."),
    )
    gift_card = forms.CharField(
        label=_("number of the gift card"), max_length=64, required=False, widget=TEXT
    )
