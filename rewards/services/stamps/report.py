"""What a stamp programme looks like from outside: who collects, and how many cards fill up."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
from django.db.models import Count
from django.db.models.functions import TruncWeek

from rewards.models import AwardBalance, StampCard, StampProgramme
from rewards.services.stamps import books

WEEKS = 12
MOST_COUNTED = 100_000


class Week(msgspec.Struct, frozen=True):
    monday: date
    cards: int
    percent: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``collecting``: members with stamps on a card; counted up to 100,000."""

    collecting: int
    full: int
    undone: int
    weeks: list[Week]


def report_of(programme: StampProgramme, *, today: date) -> Report:
    """Three statements."""
    some = AwardBalance.objects.filter(kind=books.KIND, code=programme.code, balance__gt=0)
    states = dict(
        StampCard.objects.filter(programme=programme).values_list("state").annotate(n=Count("pk"))
    )
    return Report(
        collecting=some[:MOST_COUNTED].count(),
        full=states.get(StampCard.State.FULL, 0),
        undone=states.get(StampCard.State.UNDONE, 0),
        weeks=_weeks(programme, today),
    )


def _weeks(programme: StampProgramme, today: date) -> list[Week]:
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=WEEKS - 1)
    full = StampCard.objects.filter(
        programme=programme, state=StampCard.State.FULL, completed_at__date__gte=first
    )
    rows = full.annotate(week=TruncWeek("completed_at")).values("week").annotate(n=Count("pk"))
    counted = {row["week"].date(): row["n"] for row in rows}
    most = max([*counted.values(), 1])
    days = [first + timedelta(weeks=no) for no in range(WEEKS)]
    return [Week(day, counted.get(day, 0), counted.get(day, 0) * 100 // most) for day in days]
