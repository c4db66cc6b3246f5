"""Earning rules as forms: what marketers say, and the definition it becomes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from loyalty_crm.kernel.admin_once import OnceForm
from loyalty_crm.kernel.widgets import DayInput
from members.models import Brand, Category, Store
from rewards.forms.fields import MoneyField, ScaledPointsField, adapt
from rewards.models import Programme


class EarningRuleForm(OnceForm):
    """So many points for so much money, on some goods, under some conditions.

    It writes and reads the part of a definition that has these fields; what it
    can't show it does not open (``EarningRuleForm.reads``).
    """

    name = forms.CharField(label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    points = ScaledPointsField(label=_("points"))
    per_minor = MoneyField(label=_("for every"), help_text=_("An amount of money, like 1 or 100."))
    categories = forms.ModelMultipleChoiceField(
        Category.objects.order_by("name"), to_field_name="code", required=False,
        label=_("product categories"), widget=UnfoldAdminSelect2MultipleWidget,
        help_text=_("With everything below them. Left empty, with brands and SKUs: all goods."),
    )  # fmt: skip
    brands = forms.ModelMultipleChoiceField(
        Brand.objects.order_by("name"), to_field_name="code", required=False,
        label=_("brands"), widget=UnfoldAdminSelect2MultipleWidget,
    )  # fmt: skip
    skus = forms.CharField(
        label=_("SKUs"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Single products, one SKU a line."),
    )  # fmt: skip
    excluded_categories = forms.ModelMultipleChoiceField(
        Category.objects.order_by("name"), to_field_name="code", required=False,
        label=_("exclusions: categories"), widget=UnfoldAdminSelect2MultipleWidget,
    )  # fmt: skip
    excluded_skus = forms.CharField(
        label=_("exclusions: SKUs"), required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )  # fmt: skip
    stores = forms.ModelMultipleChoiceField(
        Store.objects.order_by("code"), to_field_name="code", required=False,
        label=_("stores"), widget=UnfoldAdminSelect2MultipleWidget, help_text=_("Left empty: all."),
    )  # fmt: skip
    min_spend = MoneyField(
        label=_("from an amount of"), required=False,
        help_text=_("The goods that count must cost at least so much."),
    )  # fmt: skip
    first_day = forms.DateField(label=_("first day"), required=False, widget=DayInput)
    last_day = forms.DateField(label=_("last day"), required=False, widget=DayInput)

    GROUPS = [
        (_("The rule"), ["name", "points", "per_minor"]),
        (
            _("For which goods"),
            ["categories", "brands", "skus", "excluded_categories", "excluded_skus"],
        ),
        (_("When and where"), ["stores", "min_spend", "first_day", "last_day"]),
    ]

    def __init__(self, *args: Any, programme: Programme, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("points", "per_minor", "min_spend"):
            adapt(self.fields[name], programme)

    def groups(self) -> list[dict[str, Any]]:
        return [
            {"title": title, "fields": [self[name] for name in names]}
            for title, names in self.GROUPS
        ]

    def clean_per_minor(self) -> int:
        per: int = self.cleaned_data["per_minor"]
        if not per:
            raise forms.ValidationError(_("Points for nothing would never end."))
        return per

    def definition(self) -> dict[str, Any]:
        """The JSON of the rule. Valid by form; the service checks it again by schema."""
        asked = self.cleaned_data
        include = {
            "categories": codes(asked["categories"]),
            "brands": codes(asked["brands"]),
            "skus": asked["skus"].split(),
        }
        exclude = {
            "categories": codes(asked["excluded_categories"]),
            "skus": asked["excluded_skus"].split(),
        }
        effect = {"kind": "earn_rate", "points": asked["points"], "per_minor": asked["per_minor"]}
        goods = {"include": _filled(include), "exclude": _filled(exclude)}
        when = _filled({"all": self._conditions()})
        return _filled({"goods": _filled(goods), "when": when, "effects": [effect]})

    def _conditions(self) -> list[dict[str, Any]]:
        asked = self.cleaned_data
        days = {"first_day": asked["first_day"], "last_day": asked["last_day"]}
        said = {name: day.isoformat() for name, day in days.items() if day}
        conditions: list[dict[str, Any]] = []
        if asked["stores"]:
            conditions.append({"kind": "stores", "codes": codes(asked["stores"])})
        if asked["min_spend"]:
            conditions.append({"kind": "min_spend", "amount_minor": asked["min_spend"]})
        return [*conditions, {"kind": "schedule", **said}] if said else conditions

    @classmethod
    def initial_of(cls, definition: dict[str, Any]) -> dict[str, Any] | None:
        """The fields of a definition, or None when it says more than the form can."""
        effect = _plain(definition["effects"][0])
        asked = definition.get("when", {}).get("all", [])
        conditions = {one.get("kind", ""): one for one in asked}
        goods = definition.get("goods", {})
        include, exclude = goods.get("include", {}), goods.get("exclude", {})
        schedule = _plain(conditions.get("schedule", {}))
        known = (
            definition.keys() <= {"goods", "when", "effects"}
            and len(definition["effects"]) == 1
            and definition.get("when", {}).keys() <= {"all"}
            and effect.keys() == {"kind", "points", "per_minor"}
            and conditions.keys() <= {"stores", "min_spend", "schedule"}
            and len(conditions) == len(asked)
            and schedule.keys() <= {"kind", "first_day", "last_day"}
            and include.keys() <= {"categories", "brands", "skus"}
            and exclude.keys() <= {"categories", "skus"}
        )
        if not known:
            return None
        return {
            "points": effect["points"],
            "per_minor": effect["per_minor"],
            "categories": include.get("categories", []),
            "brands": include.get("brands", []),
            "skus": "\n".join(include.get("skus", [])),
            "excluded_categories": exclude.get("categories", []),
            "excluded_skus": "\n".join(exclude.get("skus", [])),
            "stores": conditions.get("stores", {}).get("codes", []),
            "min_spend": conditions.get("min_spend", {}).get("amount_minor"),
            "first_day": schedule.get("first_day"),
            "last_day": schedule.get("last_day"),
        }


class NewRuleForm(EarningRuleForm):
    """An earning rule that has no code yet."""

    code = forms.SlugField(
        label=_("code"), max_length=80, widget=UnfoldAdminTextInputWidget,
        help_text=_("Latin letters, digits and dashes. It names the rule over the API."),
    )  # fmt: skip
    GROUPS = [
        (EarningRuleForm.GROUPS[0][0], ["name", "code", "points", "per_minor"]),
        *EarningRuleForm.GROUPS[1:],
    ]


def codes(rows: Iterable[Any]) -> list[str]:
    return [row.code for row in rows]


def _filled(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value}


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    """Without what only repeats a default of the schema."""
    return {
        name: value
        for name, value in part.items()
        if value and (name, value) != ("scope", "receipt")
    }
