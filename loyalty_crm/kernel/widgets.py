"""Inputs of the admin's own forms."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import INPUT_CLASSES


class DayInput(forms.DateInput):
    """The browser's own calendar: no script, and the right one on a phone."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES), **(attrs or {})}, format="%Y-%m-%d")
