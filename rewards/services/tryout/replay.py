"""The same receipts under two sets of rules: pure quotes, one after the other in time.

What a replay assumes. The shelf price is the line's amount before discounts; what
the till itself took off stays, what promotions took off then does not. Points that
were spent are spent again, as far as the new price takes them. Products, segments
and groups of stores are those of today; tags, purchases and windows are those of
the moment of the sale. Coupons and choices of gifts are not replayed: a promotion
that waits for a coupon does not apply, and stocks of gifts are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from rewards.rules.answers import PricedLine, Quote
from rewards.rules.basket import Basket, BasketLine
from rewards.rules.conditions.places import PaidWith
from rewards.rules.limits import Claim, claims_of
from rewards.rules.limits import Place as Counted
from rewards.rules.pricing import Redeem
from rewards.rules.quote import quote
from rewards.rules.rule_set import RuleSet
from rewards.rules.run import NOTHING_PAID
from rewards.services.tryout.history import History, Past
from rewards.services.tryout.reading import (
    SLICE,
    Catalogue,
    People,
    Person,
    Place,
    Reader,
    Span,
    cuts,
    lines_of,
    receipts_after,
    shops,
)
from rewards.services.tryout.room import Carries, Kept, Room
from rewards.services.tryout.sides import Sides
from rewards.services.tryout.sold import (
    Product,
    Sold,
    SoldLine,
    as_kept,
    as_sold,
    manual_discounts,
)

_DAWN = datetime.fromisoformat("1900-01-01T00:00:00+00:00")


class State(msgspec.Struct):
    """All that the next receipt depends on: the place, the buyers' past, limits, remainders."""

    at: datetime | None = None
    id: int = 0
    past: dict[int, Past] = {}
    before: Kept = msgspec.field(default_factory=Kept)
    after: Kept = msgspec.field(default_factory=Kept)


class Replayed(NamedTuple):
    """One receipt, priced twice. Where nothing differs both quotes are the same object."""

    sold: Sold
    basket: Basket
    before: Quote
    after: Quote


class Side:
    """One set of rules with its running state."""

    def __init__(self, rules: RuleSet, kept: Kept) -> None:
        self.rules = rules
        self._room = Room(rules, dict(kept.used))
        self._carries = Carries(rules, kept.owed)

    def quote(self, basket: Basket, sold: Sold, redeem: Redeem) -> Quote:
        """Price one receipt, and remember what it took of limits and remainders."""
        if not (self.rules.rules or redeem.points):
            return as_it_stands(basket)
        place = Counted(basket.at, basket.at.date(), sold.member_id, sold.store_id)
        carries = self._carries.of(sold.member_id)
        left = self._room.left(place)
        answer = quote(basket, self.rules, redeem, carries, left, explain=False)
        self._room.note(place, answer)
        self._carries.note(sold.member_id, answer)
        return answer

    def keep(self) -> Kept:
        return Kept(list(self._room.used.items()), self._carries.owed)

    def claims(self, one: Quote, sold: Sold, basket: Basket) -> list[Claim]:
        """What a priced receipt takes of counted limits; the member stands for the wallet."""
        place = Counted(basket.at, basket.at.date(), sold.member_id, sold.store_id)
        return claims_of(one, self.rules.limited, place) if self.rules.limited else []

    @property
    def remembers(self) -> bool:
        """Whether one receipt changes what the next one gets."""
        return self.rules.carries or self._room.is_limited


class Replay:
    """Walks the receipts of a span. ``printed``: prices stand, only points are counted anew."""

    def __init__(
        self, reader: Reader, sides: Sides, span: Span, state: State, *, printed: bool = False
    ) -> None:
        self._reader = reader
        self._span = span
        self._printed = printed
        self._changed = sides.changed
        self._narrow = all(rule.definition.goods.included for rule in sides.changed.rules)
        self._before = Side(free_to_pay(sides.before), state.before)
        self._after = Side(free_to_pay(sides.after), state.after)
        self._simple = not (self._before.remembers or self._after.remembers)
        needs = sides.needs
        self._history = History(needs, state.past)
        self._catalogue = Catalogue(reader, sides.compiled.categories, needs)
        self._people = People(reader, needs)
        self._shops = shops(reader)
        self._tenders = any(asks_for_tenders(rules) for rules in (sides.before, sides.after))
        self._reading = self._whole(span)
        self.place = Place(state.at, state.id) if state.at else None
        self._wanted = frozenset(span.stores)
        reader.let_go()

    def state(self) -> State:
        """What a successor goes on from. Take it between two slices."""
        at, last = self.place or (None, 0)
        return State(at, last, self._history.past, self._before.keep(), self._after.keep())

    def claims(self, one: Replayed) -> tuple[list[Claim], list[Claim]]:
        """What a receipt took of limits by the rules of before, and takes by those of after."""
        before = self._before.claims(one.before, one.sold, one.basket)
        return before, self._after.claims(one.after, one.sold, one.basket)

    def slices(self, most: int = SLICE) -> Iterator[Iterator[Replayed]]:
        """The receipts that are asked about, in pieces; ``place`` moves at the end of each.

        Walk each piece to its end: a receipt is priced when it is asked for, and gone
        after it, so that what stands in memory is a slice of lines and nothing else.
        """
        for ends in self.cuts(most):
            yield from self.until(ends, most)

    def cuts(self, most: int = SLICE) -> list[datetime]:
        """Moments between which about so many of the receipts stand that are still to be read."""
        begins = self.place.at if self.place else self._reading.begins
        found = cuts(self._reader, self._reading._replace(begins=begins), most)
        self._reader.let_go()
        return found

    def until(self, ends: datetime, most: int = SLICE) -> Iterator[Iterator[Replayed]]:
        """The receipts from the place up to a moment, as ``slices`` hands them out."""
        window = self._reading._replace(ends=ends)
        while heads := receipts_after(
            self._reader, window, self.place, tenders=self._tenders, most=most
        ):
            yield self._replay(heads)
            if len(heads) < most:
                break
        self._reader.let_go()

    @property
    def begins(self) -> Place:
        """Up to where receipts have been read by now."""
        return self.place or Place(self._reading.begins, 0)

    @property
    def is_parted(self) -> bool:
        """Whether no receipt has a say in what another one gets: any window can be first."""
        return self._simple and not self._history.is_asked

    def _whole(self, span: Span) -> Span:
        """The span, and what was bought before it where some rule asks for that."""
        if not self._history.is_asked:
            return span
        back = self._history.reaches_back
        return Span(_DAWN if back is None else span.begins - back, span.ends, sorted(self._shops))

    def _replay(self, heads: Sequence[Sold]) -> Iterator[Replayed]:
        """Two to four statements for a slice, whatever stands in it."""
        asked = [one for one in heads if self._is_asked(one)]
        need = heads if self._history.needs.categories else asked
        ids = [one.id for one in need]
        lines = lines_of(self._reader, ids, printed=self._printed) if need else {}
        goods = self._catalogue.of({line.sku for own in lines.values() for line in own})
        people = self._people.of({one.member_id for one in asked if one.member_id is not None})
        self._reader.let_go()
        wanted = {one.id for one in asked}
        for sold in heads:
            own = lines.get(sold.id, ())
            if sold.id in wanted and (basket := self._basket(sold, own, goods, people)):
                yield self._price(sold, basket)
            if self._history.is_asked:
                codes = {code for line in own for code in goods[line.sku].categories}
                self._history.note(sold, codes)
        self.place = Place(heads[-1].at, heads[-1].id)

    def _is_asked(self, sold: Sold) -> bool:
        return (
            sold.store_id in self._wanted
            and sold.at >= self._span.begins
            and sold.state != "returned"
        )

    def _basket(
        self,
        sold: Sold,
        own: Sequence[SoldLine],
        goods: Mapping[str, Product],
        people: Mapping[int, Person],
    ) -> Basket | None:
        lines = self._lines(sold, own, goods)
        if not lines:
            return None
        shop = self._shops[sold.store_id]
        member = None
        if sold.member_id is not None:
            member = self._history.buyer(sold.member_id, people[sold.member_id], shop, sold.at)
        return Basket(
            store=shop.code,
            at=sold.at.astimezone(shop.zone),
            lines=lines,
            member=member,
            final_prices=self._printed,
            store_groups=shop.groups,
            tenders=frozenset(sold.tenders) if sold.tenders else NO_TENDERS,
        )

    def _lines(
        self, sold: Sold, own: Sequence[SoldLine], goods: Mapping[str, Product]
    ) -> tuple[BasketLine, ...]:
        if self._printed and sold.state == "partly_returned":
            kept = (as_kept(line, goods[line.sku]) for line in own)
            return tuple(line for line in kept if line is not None)
        if self._printed:
            return tuple(as_sold(line, goods[line.sku], line.discount_minor) for line in own)
        if not sold.discount_minor:
            return tuple(as_sold(line, goods[line.sku], 0) for line in own)
        manual = manual_discounts(own, sold.given)
        return tuple(as_sold(line, goods[line.sku], manual.get(line.line_no, 0)) for line in own)

    def _price(self, sold: Sold, basket: Basket) -> Replayed:
        redeem = self._redeem(sold)
        before = self._before.quote(basket, sold, redeem)
        if self._simple and self._narrow and not wakes(self._changed, basket):
            return Replayed(sold, basket, before, before)
        return Replayed(sold, basket, before, self._after.quote(basket, sold, redeem))

    def _redeem(self, sold: Sold) -> Redeem:
        if not sold.redeemed or (self._printed and sold.state == "partly_returned"):
            return NOTHING
        return Redeem(points=sold.redeemed, available=sold.redeemed)


NOTHING = Redeem()
NO_TENDERS: frozenset[str] = frozenset()


def as_it_stands(basket: Basket) -> Quote:
    """What a sale is where no promotion is: shelf prices less what the till took off."""
    lines = sorted(basket.lines, key=lambda line: line.line_no)
    return Quote(
        lines=tuple(
            PricedLine(line=line, discount_minor=min(line.manual_discount_minor, line.gross_minor))
            for line in lines
        ),
        payment=NOTHING_PAID,
        earned=0,
        grants=(),
        carry_deltas={},
        decisions=(),
        rules_version=0,
    )


def free_to_pay(rules: RuleSet) -> RuleSet:
    """The same rules; what was paid with points then was allowed then."""
    terms = msgspec.structs.replace(rules.terms, max_points_share_percent=100, min_redeem_points=0)
    return RuleSet(rules.rules, terms, rules.version, rules.groups.values())


def wakes(rules: RuleSet, basket: Basket) -> bool:
    """Whether any of the rules so much as looks at this basket."""
    return bool(rules.tasks(basket, rules.known(basket.lines)))


def asks_for_tenders(rules: RuleSet) -> bool:
    return any(
        isinstance(condition, PaidWith)
        for rule in rules.rules
        for condition in rule.definition.conditions()
    )
