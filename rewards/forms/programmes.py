"""The settings of a programme, as a form in groups."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from rewards.forms.fields import DatesField, MoneyField, ScaledPointsField, adapt
from rewards.models import Programme


class ProgrammeForm(forms.ModelForm):  # type: ignore[type-arg]
    """Every setting that may change after the first sale, in the groups of the page."""

    GROUPS = [
        (_("What a point is"), ["name", "point_value_minor", "time_zone"]),
        (_("Earning points"), ["earning_base", "rounding", "activation_delay_days"]),
        (
            _("Paying with points"),
            ["max_points_share_percent", "min_redeem_points", "offline_redeem_limit"],
        ),
        (
            _("How far discounts go"),
            ["max_discount_percent", "price_floor_percent", "never_below_cost"],
        ),
        (_("Tax"), ["tax_mode", "tax_basis_points"]),
        (_("Points lifetime"), ["expiry", "expiry_days", "expiry_dates", "expiry_bucket"]),
        (_("Returns"), ["debt", "debt_limit_points", "expired_on_restore", "revive_days"]),
        (_("Review"), ["promotions_need_review"]),
    ]

    point_value_minor = MoneyField(
        label=_("point value"),
        help_text=_("How much money one point pays for. 0.01 makes a hundred points worth 1.00."),
    )
    min_redeem_points = ScaledPointsField(
        label=_("fewest points spent at once"), help_text=_("0 lets members spend any number.")
    )
    offline_redeem_limit = ScaledPointsField(
        label=_("most points spent offline at once"),
        help_text=_("While a till is cut off nobody can check the balance. 0 forbids it."),
    )
    debt_limit_points = ScaledPointsField(
        label=_("lowest balance below zero"),
        help_text=_("For new points accounts. What a return would take beyond it is written off."),
    )
    expiry_dates = DatesField(
        label=_("fixed dates"),
        required=False,
        help_text=_("Month and day, several with commas: 06-30, 12-31. For expiry on fixed dates."),
    )

    class Meta:
        model = Programme
        fields = [
            "name", "point_value_minor", "time_zone", "earning_base", "rounding",
            "activation_delay_days", "max_points_share_percent", "min_redeem_points",
            "offline_redeem_limit", "expiry", "expiry_days", "expiry_dates", "expiry_bucket",
            "debt", "debt_limit_points", "expired_on_restore", "revive_days",
            "max_discount_percent", "price_floor_percent", "never_below_cost",
            "promotions_need_review", "tax_mode", "tax_basis_points",
        ]  # fmt: skip
        help_texts = {
            "time_zone": _("A name like Europe/Moscow. Days of the programme begin and end by it."),
            "earning_base": _("Whether goods paid with points earn points again."),
            "rounding": _("What happens to a fraction of a point."),
            "activation_delay_days": _("0 makes points available at once."),
            "max_points_share_percent": _("The redemption cap: 50 lets points pay half a receipt."),
            "expiry_days": _("For expiry after a number of days, and for inactivity."),
            "expiry_bucket": _("Points of one day or month expire together."),
            "debt": _("When goods come back whose points are spent already."),
            "expired_on_restore": _("When goods come back that were paid with such points."),
            "max_discount_percent": _(
                "All discounts of a receipt together, the cashier's own first. 100 sets no bound."
            ),
            "price_floor_percent": _("No promotion goes below this part of it. 0 sets no floor."),
            "never_below_cost": _("For goods whose cost price is known."),
            "promotions_need_review": _(
                "Nothing goes live before somebody else than its author has approved it."
            ),
            "tax_mode": _("Discounts come first: tax is counted on what is left of the price."),
            "revive_days": _("How long revived points can be spent."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            adapt(field, self.instance)

    def groups(self) -> list[dict[str, Any]]:
        return [
            {"title": title, "fields": [self[name] for name in names]}
            for title, names in self.GROUPS
        ]
