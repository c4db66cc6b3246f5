"""What sales have pledged to charities: summed from the awards, since a total would be a queue."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Count, Sum, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from rewards.models import Award, Programme

MOST = 1_000


class Pledged(msgspec.Struct, frozen=True, kw_only=True):
    """Of one charity: minor units pledged, those taken back with goods, and how many sales."""

    code: str
    pledged_minor: int
    taken_back_minor: int
    sales: int


def pledged(*, programme: Programme, first: date, end: date) -> list[Pledged]:
    """By charity, for sales of the programme's days from ``first`` to before ``end``. One query."""
    zone = ZoneInfo(programme.time_zone)
    begins, ends = (datetime.combine(day, time.min, zone) for day in (first, end))
    made = Award.objects.filter(kind="charity", occurred_at__gte=begins, occurred_at__lt=ends)
    # Of a pledge to the member's own choice the detail says which cause that was.
    named = made.annotate(charity=Coalesce(KT("detail__cause"), "code", output_field=TextField()))
    sums = (
        named.values("charity")
        .annotate(pledged=Sum("amount"), back=Sum("taken_back"), sales=Count("id"))
        .values_list("charity", "pledged", "back", "sales")
    )
    return [
        Pledged(code=code, pledged_minor=given, taken_back_minor=back, sales=sales)
        for code, given, back, sales in sums.order_by("charity")[:MOST]
    ]
