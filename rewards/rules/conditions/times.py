"""When: days and hours in the store's own time."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from rewards.rules.basket import Basket
from rewards.rules.conditions.base import ConditionBase, Goods, Miss


def _iso_date(value: object) -> object:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _iso_time(value: object) -> object:
    return time.fromisoformat(value) if isinstance(value, str) else value


IsoDate = Annotated[date, BeforeValidator(_iso_date)]
IsoTime = Annotated[time, BeforeValidator(_iso_time)]


class OnSchedule(ConditionBase):
    """Days and hours in the store's time. Both days are included; the last minute is not.

    ``from_time`` later than ``to_time`` means over midnight.
    """

    kind: Literal["schedule"]
    weekdays: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(max_length=7)] = []
    from_time: IsoTime | None = None
    to_time: IsoTime | None = None
    first_day: IsoDate | None = None
    last_day: IsoDate | None = None

    @model_validator(mode="after")
    def _days_in_order(self) -> OnSchedule:
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        if (self.from_time is None) != (self.to_time is None):
            raise ValueError("from_time and to_time come together")
        return self

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        day = basket.at.date()
        if self.first_day and day < self.first_day:
            return Miss("not_yet", {"day": self.first_day.isoformat()})
        if self.last_day and day > self.last_day:
            return Miss("no_longer", {"day": self.last_day.isoformat()})
        if self.weekdays and basket.at.isoweekday() not in self.weekdays:
            return Miss("weekday", {"days": [str(day) for day in sorted(self.weekdays)]})
        return self._hours_miss(basket.at.time())

    def _hours_miss(self, now: time) -> Miss | None:
        if self.from_time is None or self.to_time is None:
            return None
        if self.from_time <= self.to_time:
            inside = self.from_time <= now < self.to_time
        else:
            inside = now >= self.from_time or now < self.to_time
        hours = {"from": f"{self.from_time:%H:%M}", "to": f"{self.to_time:%H:%M}"}
        return None if inside else Miss("hours", {**hours})

    def triggers(self) -> list[str] | None:
        return [f"weekday:{day}" for day in self.weekdays] or None
