"""What a person has won within a calendar year, held against the tax-free sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum

from rewards.models import PrizeWin, Programme
from rewards.services.prizes.bounds import prize_settings

MOST = 500


@dataclass(frozen=True, slots=True)
class OverLimit:
    """One person and year: worth of the prizes, what of it is taxed, and the tax. Minor units."""

    member_id: int
    year: int
    prizes: int
    won_minor: int
    taxed_minor: int
    tax_minor: int


def year_of(programme: Programme, moment: datetime) -> int:
    return moment.astimezone(ZoneInfo(programme.time_zone)).year


def over_limit(
    *, programme: Programme, year: int, members: Iterable[int] | None = None
) -> list[OverLimit]:
    """Who is above the tax-free sum of the year, the highest first; 500 at most. Two queries."""
    bounds = prize_settings(programme)
    zone = ZoneInfo(programme.time_zone)
    begins, ends = (datetime(one, 1, 1, tzinfo=zone).astimezone(UTC) for one in (year, year + 1))
    found = PrizeWin.objects.taxable(begins, ends)
    if members is not None:
        found = found.filter(member__in=members)
    sums = found.values("member_id").annotate(won=Sum("value_minor"), prizes=Count("id"))
    above = sums.filter(won__gt=bounds.tax_free_minor).order_by("-won", "member_id")
    return [_row(one, year, bounds.tax_free_minor, bounds.tax_basis_points) for one in above[:MOST]]


def _row(one: Mapping[str, Any], year: int, free: int, basis_points: int) -> OverLimit:
    taxed = one["won"] - free
    # Taxes are whole minor units, half up.
    tax = (taxed * basis_points + 5_000) // 10_000
    return OverLimit(one["member_id"], year, one["prizes"], one["won"], taxed, tax)


def tax_note(*, programme: Programme, member_id: int, at: datetime) -> OverLimit | None:
    """The member's year, when it is above the tax-free sum."""
    year = year_of(programme, at)
    return next(iter(over_limit(programme=programme, year=year, members=[member_id])), None)
