"""Who is buying. Without a card none of these holds, but ``card`` itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rewards.rules.basket import Basket, MemberFacts
from rewards.rules.conditions.base import ConditionBase, Goods, Miss
from rewards.rules.needs import Needs, of_member
from rewards.rules.selectors import SomeCodes

Days = Annotated[int, Field(ge=0, le=36_500)]


class WithCard(ConditionBase):
    """Whether a member stands at the till."""

    kind: Literal["card"]
    shown: bool

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        if (basket.member is not None) == self.shown:
            return None
        return Miss("card_required" if self.shown else "card_shown")

    def triggers(self) -> list[str]:
        return ["card:shown" if self.shown else "card:none"]


class MemberCondition(ConditionBase):
    """A question about the member."""

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        if basket.member is None:
            return Miss("card_required")
        return self.member_miss(basket.member, basket.at.date())

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        raise NotImplementedError

    def triggers(self) -> list[str] | None:
        return ["card:shown"]


class HasTag(MemberCondition):
    """The member carries one of these tags."""

    kind: Literal["tags"]
    codes: SomeCodes

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        return Miss("tags") if member.tags.isdisjoint(self.codes) else None

    def triggers(self) -> list[str]:
        return [f"tag:{code}" for code in self.codes]

    def needs(self) -> Needs:
        return of_member("tags")


class InSegment(MemberCondition):
    """The member is in one of these segments."""

    kind: Literal["segments"]
    codes: SomeCodes

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        return Miss("segments") if member.segments.isdisjoint(self.codes) else None

    def triggers(self) -> list[str]:
        return [f"segment:{code}" for code in self.codes]

    def needs(self) -> Needs:
        return of_member("segments")


class OnTier(MemberCondition):
    """The member has one of these tiers, as of before this sale."""

    kind: Literal["tiers"]
    codes: SomeCodes

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        if member.tier in self.codes:
            return None
        return Miss("tier", {"tiers": list(self.codes[:5])})

    def triggers(self) -> list[str]:
        return [f"tier:{code}" for code in self.codes]

    def needs(self) -> Needs:
        return of_member("tier")


class AgedBetween(MemberCondition):
    """Full years of age, both ends included."""

    kind: Literal["age"]
    from_years: Annotated[int, Field(ge=0, le=150)] | None = None
    to_years: Annotated[int, Field(ge=0, le=150)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> AgedBetween:
        _check_ends(self.from_years, self.to_years)
        return self

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        if member.birth_date is None:
            return Miss("birth_date_unknown")
        born = member.birth_date
        years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        return None if _between(years, self.from_years, self.to_years) else Miss("age")

    def needs(self) -> Needs:
        return of_member("birth_date")


class NearBirthday(MemberCondition):
    """From so many days before the birthday to so many after it.

    Who was born on 29 February has the birthday on ``leap_day`` in other years.
    """

    kind: Literal["birthday"]
    days_before: Annotated[int, Field(ge=0, le=180)] = 0
    days_after: Annotated[int, Field(ge=0, le=180)] = 0
    leap_day: Literal["02-28", "03-01"] = "02-28"

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        if member.birth_date is None:
            return Miss("birth_date_unknown")
        first, last = timedelta(days=self.days_before), timedelta(days=self.days_after)
        days = self._birthdays(member.birth_date, today)
        return None if any(day - first <= today <= day + last for day in days) else Miss("birthday")

    def _birthdays(self, born: date, today: date) -> Iterable[date]:
        """Those of last year, this one and the next: a window may reach over New Year."""
        for year in (today.year - 1, today.year, today.year + 1):
            try:
                yield born.replace(year=year)
            except ValueError:
                yield date.fromisoformat(f"{year}-{self.leap_day}")

    def needs(self) -> Needs:
        return of_member("birth_date")


class EnrolledFor(MemberCondition):
    """Days since the member joined: 0 on the first day; both ends included."""

    kind: Literal["enrolled"]
    min_days: Days | None = None
    max_days: Days | None = None

    @model_validator(mode="after")
    def _says_something(self) -> EnrolledFor:
        _check_ends(self.min_days, self.max_days)
        return self

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        if member.enrolled_on is None:
            return Miss("enrolled")
        days = (today - member.enrolled_on).days
        return None if _between(days, self.min_days, self.max_days) else Miss("enrolled")

    def needs(self) -> Needs:
        return of_member("enrolled_on")


class NthPurchase(MemberCondition):
    """This purchase has one of these numbers in the member's life, or is every n-th one."""

    kind: Literal["nth_purchase"]
    numbers: Annotated[list[Annotated[int, Field(ge=1, le=10**6)]], Field(max_length=100)] = []
    every: Annotated[int, Field(ge=2, le=10**6)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> NthPurchase:
        if bool(self.numbers) == bool(self.every):
            raise ValueError("numbers or every: one of them")
        return self

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        if member.purchases is None:
            return Miss("nth_purchase")
        this = member.purchases + 1
        wanted = this % self.every == 0 if self.every else this in self.numbers
        return None if wanted else Miss("nth_purchase", {"number": this})

    def needs(self) -> Needs:
        return of_member("purchases")


class LastBought(MemberCondition):
    """Days since the purchase before this one; who has never bought does not match."""

    kind: Literal["last_purchase"]
    min_days: Days | None = None
    max_days: Days | None = None

    @model_validator(mode="after")
    def _says_something(self) -> LastBought:
        _check_ends(self.min_days, self.max_days)
        return self

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        if member.last_purchase_on is None:
            return Miss("last_purchase")
        days = (today - member.last_purchase_on).days
        return None if _between(days, self.min_days, self.max_days) else Miss("last_purchase")

    def needs(self) -> Needs:
        return of_member("last_purchase_on")


class FirstOfCategory(MemberCondition):
    """The member has never bought from one of these categories before."""

    kind: Literal["first_of_category"]
    codes: SomeCodes

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        known = member.known_categories
        if known is None or known.issuperset(self.codes):
            return Miss("first_of_category", {"codes": list(self.codes[:5])})
        return None

    def needs(self) -> Needs:
        return Needs(categories=frozenset(self.codes))


class BoughtInWindow(MemberCondition):
    """Spend or visits before this sale: in so many days back, or since the period began."""

    kind: Literal["window"]
    metric: Literal["spend", "visits"]
    days: Annotated[int, Field(ge=1, le=3_660)] | None = None
    period: Literal["month", "quarter", "year"] | None = None
    at_least: Annotated[int, Field(ge=0, le=10**12)] | None = None
    at_most: Annotated[int, Field(ge=0, le=10**12)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> BoughtInWindow:
        if (self.days is None) == (self.period is None):
            raise ValueError("days or period: one of them")
        _check_ends(self.at_least, self.at_most)
        return self

    @property
    def key(self) -> str:
        return self.period or f"{self.days}d"

    def member_miss(self, member: MemberFacts, today: date) -> Miss | None:
        if (window := member.windows.get(self.key)) is None:
            return Miss("window_unknown")
        have = window.spend_minor if self.metric == "spend" else window.visits
        if _between(have, self.at_least, self.at_most):
            return None
        if have < (self.at_least or 0):
            needed = self.at_least or 0
            numbers: dict[str, int | str | list[str]]
            numbers = {"needed": needed, "have": have, "missing": needed - have}
            return Miss(f"window_{self.metric}", numbers)
        return Miss(f"window_{self.metric}_over", {"have": have, "max": self.at_most or 0})

    def needs(self) -> Needs:
        return Needs(windows=frozenset({self.key}))


def _between(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _check_ends(low: int | None, high: int | None) -> None:
    if low is None and high is None:
        raise ValueError("at least one of the two ends is needed")
    if low is not None and high is not None and high < low:
        raise ValueError("the upper end is below the lower one")
