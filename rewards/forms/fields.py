"""Form fields that clean what people write to whole minor units, and write it back."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from loyalty_crm.kernel.money import Money, exponent
from loyalty_crm.kernel.points import Points
from rewards.models import Programme

MOST_MINOR = 10**12


class PointsField(forms.CharField):
    """Points as people write them, cleaned to minor units of the wallet."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, scale: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return Points.parse(text.replace("\N{MINUS SIGN}", "-").lstrip("+"), self.scale).minor
        except ValueError as error:
            places = {"places": self.scale}
            raise forms.ValidationError(
                _("Write a number like 100 or -50, with at most %(places)s decimal places.")
                % places
            ) from error


class MoneyField(forms.CharField):
    """An amount as people write it, cleaned to minor units of the programme's currency."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, currency: str = "USD", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.currency = currency

    def prepare_value(self, value: Any) -> Any:
        return str(Money(value, self.currency).as_decimal()) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        text = super().clean(value).replace(",", ".").replace(" ", "").replace("\xa0", "")
        if not text:
            return None
        try:
            minor = Decimal(text).scaleb(exponent(self.currency))
        except InvalidOperation:
            minor = Decimal("NaN")
        if (
            not minor.is_finite()
            or minor != minor.to_integral_value()
            or not 0 <= minor <= MOST_MINOR
        ):
            raise forms.ValidationError(_("Write an amount of money like 10 or 9.90."))
        return int(minor)


class ScaledPointsField(PointsField):
    """Points in a form that starts with a value from the database."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        whole, rest = divmod(value, 10**self.scale)
        return f"{whole}.{rest:0{self.scale}}" if rest else str(whole)

    def clean(self, value: Any) -> int | None:
        points = super().clean(value)
        if points is not None and points < 0:
            raise forms.ValidationError(_("This can't be below zero."))
        return points


class DatesField(forms.CharField):
    """Days of the year, written as a list: 06-30, 12-31."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [day.strip() for day in super().clean(value).split(",") if day.strip()]


def adapt(field: forms.Field, programme: Programme) -> None:
    """Give a field the programme's scale or currency, and the theme's clothes."""
    if isinstance(field, PointsField):
        field.scale = programme.points_scale
    elif isinstance(field, MoneyField):
        field.currency = programme.currency
    elif isinstance(field, forms.TypedChoiceField):
        field.widget = UnfoldAdminSelectWidget(choices=field.choices)
    elif isinstance(field, forms.IntegerField):
        field.widget = UnfoldAdminIntegerFieldWidget(attrs=field.widget.attrs)
    elif type(field) is forms.CharField and not field.widget.is_hidden:
        field.widget = UnfoldAdminTextInputWidget(attrs=field.widget.attrs)
