"""Shapes of what staff type: fields, points accounts, programmes, promotions."""

from rewards.forms.programmes import ProgrammeForm
from rewards.forms.wallets import AdjustForm, FreezeForm, ReasonForm

__all__ = [
    "AdjustForm",
    "FreezeForm",
    "ProgrammeForm",
    "ReasonForm",
]
