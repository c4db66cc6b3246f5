"""Points: whole minor units of a programme that may show decimal places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from django.utils import formats, translation

from loyalty_crm.kernel.money import require_int

_NUMBER = re.compile(r"(-?)([0-9]{1,16})(?:[.,]([0-9]{1,9}))?", re.ASCII)
MAX_SCALE = 4


@dataclass(frozen=True, slots=True)
class Points:
    """An amount of points. ``scale`` is the number of decimal places the programme shows."""

    minor: int
    scale: int = 0

    def __post_init__(self) -> None:
        require_int(self.minor, "minor")
        if not 0 <= require_int(self.scale, "scale") <= MAX_SCALE:
            raise ValueError(f"a scale is 0 to {MAX_SCALE}, not {self.scale}")

    def _minor_of(self, other: Points) -> int:
        if self.scale != other.scale:
            raise TypeError(f"points of scale {self.scale} and {other.scale} do not mix")
        return other.minor

    def __add__(self, other: Points) -> Points:
        return Points(self.minor + self._minor_of(other), self.scale)

    def __sub__(self, other: Points) -> Points:
        return Points(self.minor - self._minor_of(other), self.scale)

    def __neg__(self) -> Points:
        return Points(-self.minor, self.scale)

    def __lt__(self, other: Points) -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: Points) -> bool:
        return self.minor <= self._minor_of(other)

    @classmethod
    def parse(cls, text: str, scale: int) -> Points:
        """Read what a person typed. More decimal places than the programme has are refused."""
        if not (match := _NUMBER.fullmatch(text.strip())):
            raise ValueError(f"not a number of points: {text!r}")
        sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
        if len(fraction) > scale:
            raise ValueError(f"at most {scale} decimal places: {text!r}")
        minor = int(whole + fraction.ljust(scale, "0"))
        return cls(-minor if sign else minor, scale)

    def format(self, language: str | None = None) -> str:
        """For people, grouped as their language does; no decimal places that are all zero."""
        with translation.override(language or translation.get_language()):
            whole = self.minor % 10**self.scale == 0
            amount = Decimal(self.minor).scaleb(-self.scale)
            places = 0 if whole else self.scale
            return formats.number_format(amount, places, use_l10n=True, force_grouping=True)

    def __str__(self) -> str:
        return self.format()
