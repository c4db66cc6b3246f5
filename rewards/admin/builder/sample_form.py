"""The sample basket's own fields, as shapes like those of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from rewards.admin.builder.shapes import Leaf, Record, Rows
from rewards.admin.builder.state import ABSENT, Reading, State, read
from rewards.models import Programme
from rewards.services.samples import MOST_LINES, Sample, SampleLine

WHO = ("new", "nobody", "card")


def sample_shape() -> Record:
    line = Record(
        "SampleLine",
        {
            "sku": Leaf("text", "sku", required=True),
            "pieces_milli": Leaf("number", "pieces_milli", "thousandths", default=1000),
            "price_minor": Leaf("number", "price_minor", "money"),
        },
    )
    return Record(
        "Sample",
        {
            "lines": Rows(line, MOST_LINES),
            "who": Leaf("choice", "who", choices=WHO, default="new"),
            "card": Leaf("text", "card"),
            "store": Leaf("text", "store"),
            "day": Leaf("day", "day"),
            "hour": Leaf("hour", "hour"),
            "with_coupon": Leaf("flag", "with_coupon", default=False),
        },
    )


def sample_values(sample: Sample, zone: ZoneInfo) -> dict[str, Any]:
    """The fields of a sample."""
    moment = sample.at.astimezone(zone)
    return {
        "lines": [
            {"sku": one.sku, "pieces_milli": one.quantity_milli}
            | ({} if one.price_minor is None else {"price_minor": one.price_minor})
            for one in sample.lines
        ],
        "who": sample.who,
        "card": sample.card,
        "store": sample.store,
        "day": moment.date().isoformat(),
        "hour": f"{moment:%H:%M}",
        "with_coupon": sample.with_coupon,
    }


def sample_of(state: State, programme: Programme, now: datetime) -> Sample:
    """The basket of the form; what can not be read is left out of it."""
    found = read(sample_shape(), state, Reading(programme))
    known: Mapping[str, Any] = {} if found is ABSENT else found
    lines = [
        SampleLine(
            sku=one["sku"],
            quantity_milli=one.get("pieces_milli", 1000),
            price_minor=one.get("price_minor"),
        )
        for one in known.get("lines", [])
        if one.get("sku")
    ]
    return Sample(
        store=known.get("store", ""),
        at=_moment(known, programme, now),
        lines=lines,
        who=known.get("who", "new"),
        card=known.get("card", ""),
        with_coupon=known.get("with_coupon", False),
    )


def _moment(known: Mapping[str, Any], programme: Programme, now: datetime) -> datetime:
    """Day and hour by the programme's clock; now, where they are not filled in."""
    zone = ZoneInfo(programme.time_zone)
    here = now.astimezone(zone)
    try:
        day = date.fromisoformat(known["day"]) if "day" in known else here.date()
        hour = time.fromisoformat(known["hour"]) if "hour" in known else here.time()
    except ValueError:
        return here
    return datetime.combine(day, hour.replace(tzinfo=None), zone)
