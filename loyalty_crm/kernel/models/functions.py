"""SQL expressions for database defaults."""

from __future__ import annotations

from django.db.models import DateTimeField, Func


class ClockTimestamp(Func):
    """The wall clock, not the start of the transaction: rows of one keep their order."""

    function = "clock_timestamp"
    template = "%(function)s()"
    output_field = DateTimeField()
