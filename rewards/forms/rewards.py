"""A reward in a form: what, how many, and of what."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from rewards.forms.fields import MoneyField, ScaledPointsField
from rewards.rules.bonuses import Reward, RewardInvalid, checked
from rewards.services.programmes import default_or_none

KINDS = [
    ("points", _("points")),
    ("coupon", _("coupons of a promotion")),
    ("stamps", _("stamps")),
    ("draw_tickets", _("tickets of a prize draw")),
    ("game_plays", _("turns in a game")),
    ("tag", _("a tag")),
]
FAULTS = {
    "amount": _("Give at least one. Coupons: at most ten, a tag: one."),
    "code": _("Points have no code; everything else needs one."),
    "valid_days": _("From 1 to 3660 days."),
}


class RewardFields:
    """Adds the fields of one reward under a prefix, and reads them back."""

    def __init__(self, prefix: str = "reward", *, optional: bool = False) -> None:
        self.prefix = prefix
        self.optional = optional

    def names(self) -> list[str]:
        return [f"{self.prefix}_{part}" for part in ("kind", "amount", "code", "valid_days")]

    def add(self, form: forms.BaseForm, value: dict[str, Any] | None, title: Any = "") -> None:
        kinds = [("", _("nothing")), *KINDS] if self.optional else KINDS
        kind, amount, code, days = self.names()
        form.fields[kind] = forms.ChoiceField(
            label=capfirst(title or _("gives")),
            choices=kinds,
            required=not self.optional,
            widget=UnfoldAdminSelectWidget(choices=kinds),
        )
        form.fields[amount] = forms.CharField(
            label=capfirst(_("how many")), required=False, widget=UnfoldAdminTextInputWidget
        )
        form.fields[code] = forms.CharField(
            label=capfirst(_("of what")),
            required=False,
            max_length=80,
            widget=UnfoldAdminTextInputWidget,
            help_text=_(
                "The code of the promotion, stamp card, draw, game or tag. Not for points."
            ),
        )
        form.fields[days] = forms.IntegerField(
            label=capfirst(_("valid, days")),
            required=False,
            min_value=1,
            max_value=3660,
            widget=UnfoldAdminIntegerFieldWidget,
            help_text=_("Left empty: as the programme or the promotion says."),
        )
        for name, field_value in self._initial(value).items():
            form.fields[name].initial = field_value

    def _initial(self, value: dict[str, Any] | None) -> dict[str, Any]:
        kind, amount, code, days = self.names()
        if not value:
            return {kind: "" if self.optional else "points", amount: ""}
        count = value["amount"]
        if value["kind"] == "points":
            count = ScaledPointsField(scale=_scale()).prepare_value(count)
        return {
            kind: value["kind"],
            amount: count,
            code: value.get("code", ""),
            days: value.get("valid_days"),
        }

    def read(self, form: forms.BaseForm) -> Reward | None:
        """The reward that was typed; faults stand beside their fields."""
        data = form.cleaned_data
        kind, amount, code, days = self.names()
        if not data.get(kind):
            return None
        try:
            count = self._count(data[kind], data.get(amount) or "")
        except (ValueError, forms.ValidationError):
            form.add_error(amount, _("Write a whole number."))
            return None
        plain = {"kind": data[kind], "amount": count, "code": (data.get(code) or "").strip()}
        try:
            return checked({**plain, "valid_days": data.get(days)})
        except RewardInvalid as fault:
            field = {"code": code, "valid_days": days}.get(fault.field, amount)
            form.add_error(field, FAULTS.get(fault.field, FAULTS["amount"]))
            return None

    def _count(self, kind: str, text: str) -> int:
        if kind == "points":
            return ScaledPointsField(scale=_scale(), required=True).clean(text) or 0
        return int(text or "1")


def _scale() -> int:
    programme = default_or_none()
    return programme.points_scale if programme else 0


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """A row of settings with rewards: the service that saves it gets them in ``rewards``.

    ``reward_fields`` maps the name of a JSON field to its fields in the form.
    """

    reward_fields: dict[str, RewardFields] = {}
    titles: dict[str, Any] = {}
    #: Fields of money and of points in minor units, typed as people write them.
    amounts: dict[str, type[forms.Field]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rewards: dict[str, Reward | None] = {}
        programme = default_or_none()
        # Whoever may only look gets a form without fields.
        for name, kind in ((one, of) for one, of in self.amounts.items() if one in self.fields):
            old = self.fields[name]
            given = {"label": old.label, "help_text": old.help_text, "initial": old.initial}
            scale = programme.points_scale if programme else 0
            self.fields[name] = (
                MoneyField(currency=programme.currency if programme else "USD", **given)
                if kind is MoneyField
                else ScaledPointsField(scale=scale, **given)
            )
        for name, fields in self.reward_fields.items():
            fields.add(self, getattr(self.instance, name), self.titles.get(name, ""))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name, fields in self.reward_fields.items():
            self.rewards[name] = fields.read(self)
        return data
