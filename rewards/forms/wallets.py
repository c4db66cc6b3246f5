"""Shapes of what staff type about points accounts."""

from __future__ import annotations

import uuid
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty_crm.kernel.widgets import DayInput
from rewards.forms.fields import PointsField
from rewards.models import Wallet


class ReasonForm(forms.Form):
    """Why something is done by hand. It is kept for ever beside what was done."""

    reason = forms.CharField(label=_("reason"), max_length=300, widget=UnfoldAdminTextInputWidget)


class FreezeForm(ReasonForm):
    """The state that was asked for, so that a double click does not undo itself."""

    wanted = forms.ChoiceField(
        choices=[(one, one) for one in (Wallet.Status.FROZEN, Wallet.Status.ACTIVE)],
        widget=forms.HiddenInput,
    )

    def clean_wanted(self) -> Wallet.Status:
        return Wallet.Status(self.cleaned_data["wanted"])


class AdjustForm(ReasonForm):
    """Points to add or to take. The hidden reference makes a double click harmless."""

    field_order = ["points", "reason", "expires_on", "reference"]

    points = PointsField(
        label=_("points"),
        help_text=_("100 adds a hundred points, -50 takes fifty."),
    )
    expires_on = forms.DateField(
        label=_("expire after"),
        required=False,
        widget=DayInput,
        help_text=_("The last day of added points. Left empty: they never expire."),
    )
    reference = forms.CharField(
        widget=forms.HiddenInput, max_length=80, initial=lambda: f"admin:{uuid.uuid4()}"
    )

    def __init__(self, *args: Any, wallet: Wallet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(wallet.programme.time_zone)
        self.fields["points"].scale = wallet.programme.points_scale  # type: ignore[attr-defined]

    def clean_points(self) -> int:
        points: int = self.cleaned_data["points"]
        if points == 0:
            raise forms.ValidationError(_("Nothing would change."))
        return points

    def clean_expires_on(self) -> datetime | None:
        """The first moment after the last day, by the programme's clock."""
        last_day = self.cleaned_data["expires_on"]
        if last_day is None:
            return None
        return datetime.combine(last_day + timedelta(days=1), time.min, self.zone)
