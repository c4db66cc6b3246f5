"""What comes back, as the cashier says it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from rewards.services.checkout.asks import AskedReturn, RefundAsk
from rewards.till.entry import NotReadable, read_money, read_quantity

PREFIX = "line-"


class RefundForm(forms.Form):
    """One shape for the preview and for the deed; only the deed has a key and a number.

    Quantities of lines come as ``line-3=2``: a receipt has as many fields as lines.
    """

    what = forms.ChoiceField(choices=[(one, one) for one in ("lines", "whole", "amount", "void")])
    amount = forms.CharField(required=False, max_length=20)
    reason = forms.CharField(required=False, max_length=200)
    key = forms.UUIDField(required=False)
    number = forms.CharField(required=False, max_length=80)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.lines: dict[int, int] = {}

    def clean_amount(self) -> int | None:
        text = self.cleaned_data["amount"].strip()
        if self.cleaned_data.get("what") != "amount" or not text:
            return None
        try:
            return read_money(text, self.currency)
        except NotReadable as fault:
            raise forms.ValidationError(_("An amount is a number like 12.50.")) from fault

    def clean(self) -> dict[str, Any]:
        try:
            self.lines = dict(self._lines()) if self.cleaned_data.get("what") == "lines" else {}
        except NotReadable as fault:
            raise forms.ValidationError(_("A quantity is a number like 2 or 0.456.")) from fault
        return self.cleaned_data

    def _lines(self) -> Iterator[tuple[int, int]]:
        """Lines with a quantity; an empty field and a nought are a line that stays."""
        for name, text in self.data.items():
            number = name.removeprefix(PREFIX)
            if name.startswith(PREFIX) and number.isdecimal() and text.strip() not in ("", "0"):
                yield int(number), read_quantity(text)

    @property
    def is_void(self) -> bool:
        return bool(self.cleaned_data["what"] == "void")

    def is_empty(self) -> bool:
        """Nothing is chosen yet: there is nothing to count, and nothing wrong."""
        what = self.cleaned_data["what"]
        return (what == "lines" and not self.lines) or (
            what == "amount" and not self.cleaned_data["amount"]
        )

    def problem(self) -> str:
        return str(next(iter(self.errors.values()))[0])

    def kept(self) -> list[tuple[str, str]]:
        """What was said, ready to be said again by the form that does it."""
        said = [(name, self.data.get(name, "")) for name in ("what", "amount", "reason")]
        return [
            *said,
            *((name, self.data[name]) for name in sorted(self.data) if name.startswith(PREFIX)),
        ]

    def ask(self, *, store: str, number: str, cashier: str, at: datetime) -> RefundAsk:
        returned = [
            AskedReturn(line_no=line_no, quantity_milli=milli)
            for line_no, milli in self.lines.items()
        ]
        return RefundAsk(
            store=store,
            number=number,
            occurred_at=at,
            lines=tuple(returned),
            amount_minor=self.cleaned_data["amount"],
            kind="void" if self.is_void else "refund",
            reason=self.cleaned_data["reason"],
            cashier=cashier,
        )
