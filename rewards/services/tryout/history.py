"""What was known of each buyer at each moment, counted on as the receipts pass by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

from rewards.rules.basket import MemberFacts, Window
from rewards.rules.needs import Needs
from rewards.services.tryout.reading import Person, Shop
from rewards.services.tryout.sold import MOST_KEPT, Sold

#: A year and some days of grace for stores in other time zones.
_LONGEST_PERIOD = 370


class Visit(msgspec.Struct, array_like=True, gc=False):
    at: datetime
    spent_minor: int
    returned: bool


class Past(msgspec.Struct, array_like=True):
    """One member's receipts so far. ``same``: those at the very moment of the last one.

    ``first_of``: category → when it was bought from for the first time.
    """

    count: int = 0
    same: int = 0
    last: datetime | None = None
    before_last: datetime | None = None
    visits: list[Visit] = []
    first_of: dict[str, datetime] = {}


class History:
    """The running state. It answers as the checkout does: what was before the sale's moment."""

    def __init__(self, needs: Needs, known: dict[int, Past] | None = None) -> None:
        self.needs = needs
        self.past = known or {}
        self._longest = max((_days(key) for key in needs.windows), default=0)
        #: Whether no rule asks for anything of a buyer that changes with time.
        self._timeless = not (self.is_asked or needs.member & {"tags", "tier", "enrolled_on"})
        self._buyers: dict[int, MemberFacts] = {}

    @property
    def is_asked(self) -> bool:
        needs = self.needs
        return bool(
            needs.windows or needs.categories or needs.member & {"purchases", "last_purchase_on"}
        )

    @property
    def reaches_back(self) -> timedelta | None:
        """How far before the period receipts matter: None for all of them."""
        whole = self.needs.categories or self.needs.member & {"purchases", "last_purchase_on"}
        return None if whole else timedelta(days=self._longest + 2 if self._longest else 0)

    def note(self, receipt: Sold, categories: Iterable[str]) -> None:
        """Let a receipt pass: later ones know of it."""
        if receipt.member_id is None:
            return
        past = self.past.get(receipt.member_id)
        if past is None:
            past = self.past[receipt.member_id] = Past(visits=[], first_of={})
        past.count += 1
        if past.last == receipt.at:
            past.same += 1
        else:
            past.before_last, past.last, past.same = past.last, receipt.at, 1
        for code in self.needs.categories.intersection(categories):
            past.first_of.setdefault(code, receipt.at)
        if self._longest:
            self._visit(past, receipt)

    def _visit(self, past: Past, receipt: Sold) -> None:
        past.visits.append(Visit(receipt.at, receipt.spent_minor, receipt.state == "returned"))
        oldest = receipt.at - timedelta(days=self._longest + 2)
        if past.visits[0].at < oldest:
            past.visits = [visit for visit in past.visits if visit.at >= oldest]

    def buyer(self, member: int, person: Person, shop: Shop, at: datetime) -> MemberFacts:
        """The buyer as the rules saw them then, with days of the store's calendar."""
        if not self._timeless:
            return self._at(member, person, shop, at)
        if (facts := self._buyers.get(member)) is None:
            if len(self._buyers) >= MOST_KEPT:
                self._buyers.clear()
            facts = self._buyers[member] = self._at(member, person, shop, at)
        return facts

    def _at(self, member: int, person: Person, shop: Shop, at: datetime) -> MemberFacts:
        facts = MemberFacts(
            id=person.public_id,
            birth_date=person.birth_date,
            enrolled_on=person.enrolled_at.astimezone(shop.zone).date(),
            tags=frozenset(
                code
                for code, since, until in person.tags
                if since <= at and (until is None or until > at)
            ),
            segments=person.segments,
            tier=next((code for since, code in reversed(person.tiers) if since <= at), None),
        )
        return self._with_past(facts, self.past.get(member) or Past(), shop, at)

    def _with_past(self, facts: MemberFacts, past: Past, shop: Shop, at: datetime) -> MemberFacts:
        if not self.is_asked:
            return facts
        now = past.last == at
        last = past.before_last if now else past.last
        asked = self.needs.member
        return msgspec.structs.replace(
            facts,
            purchases=past.count - past.same * now if "purchases" in asked else None,
            last_purchase_on=last.astimezone(shop.zone).date()
            if last and "last_purchase_on" in asked
            else None,
            windows={key: _window(past, begin_of(key, at, shop), at) for key in self.needs.windows},
            known_categories=frozenset(c for c, first in past.first_of.items() if first < at)
            if self.needs.categories
            else None,
        )


def begin_of(key: str, at: datetime, shop: Shop) -> datetime:
    """When a window begins: so many days back, or with the period, at midnight in the store."""
    today = at.astimezone(shop.zone).date()
    match key:
        case "month":
            first = today.replace(day=1)
        case "quarter":
            first = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
        case "year":
            first = date(today.year, 1, 1)
        case _:
            first = today - timedelta(days=int(key.rstrip("d")))
    return datetime(first.year, first.month, first.day, tzinfo=shop.zone)


def _window(past: Past, begins: datetime, at: datetime) -> Window:
    spend = visits = 0
    for visit in reversed(past.visits):
        if visit.at < begins:
            break
        if visit.at < at and not visit.returned:
            visits += 1
            spend += visit.spent_minor
    return Window(spend_minor=spend, visits=visits)


def _days(key: str) -> int:
    return int(key.rstrip("d")) if key.endswith("d") else _LONGEST_PERIOD
