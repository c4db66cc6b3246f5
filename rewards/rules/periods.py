"""Calendar periods of benefits: in which one a day lies. Pure."""

from __future__ import annotations

from datetime import date
from typing import Literal

Period = Literal["month", "quarter", "year"]
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def bounds(period: Period, day: date) -> tuple[date, date]:
    """The first day of the period, and the first day of the next one."""
    months = _MONTHS[period]
    first = (day.month - 1) // months * months
    begins = date(day.year, first + 1, 1)
    years, month = divmod(first + months, 12)
    return begins, date(day.year + years, month + 1, 1)
