"""The basket of one till until it is sold.

It is kept in the server-side session and not in the page: a reload, a browser
that died or another tablet finds it again, and a page cannot send prices of its
own. Of the member it holds the public id, the masked name and the card that was shown.
The page sends one request at a time (static/js/till.js), so that two quick
scans never overwrite one another.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self
from uuid import UUID, uuid4

from django.http import HttpRequest

from members.models import Card, Member
from members.rules.identities import masked_name
from members.till.access import Desk
from rewards.till.entry import price_of

SESSION_KEY = "till_basket"
MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class TillLine:
    """One line. ``id`` stays its own when others go, so that a double click removes one line."""

    id: int
    sku: str
    name: str
    quantity_milli: int
    price_minor: int

    @property
    def gross_minor(self) -> int:
        return price_of(self.quantity_milli, self.price_minor)


@dataclass(slots=True)
class TillBasket:
    """What is being sold now. ``key`` is the one-time key of its sale: a basket is sold once."""

    shift_id: int
    lines: list[TillLine] = field(default_factory=list)
    member: str = ""
    member_name: str = ""
    card: str = ""
    points: int = 0
    coupons: list[str] = field(default_factory=list)
    pay_by: list[str] = field(default_factory=list)
    gifts: list[str] = field(default_factory=list)
    gift_cards: list[dict[str, Any]] = field(default_factory=list)
    gift_hold: str = ""
    last_id: int = 0
    touched: int = 0
    key: str = field(default_factory=lambda: str(uuid4()))

    @classmethod
    def of(cls, request: HttpRequest, desk: Desk) -> Self:
        """The basket of this shift; what an earlier shift or release left behind is gone."""
        kept: dict[str, Any] = request.session.get(SESSION_KEY, {})
        if kept.get("shift_id") != desk.shift.pk or kept.keys() != {
            one.name for one in fields(cls)
        }:
            return cls(desk.shift.pk)
        return cls(**{**kept, "lines": [TillLine(**line) for line in kept["lines"]]})

    def keep(self, request: HttpRequest) -> None:
        request.session[SESSION_KEY] = asdict(self)

    def sold(self, request: HttpRequest, key: UUID) -> None:
        """Begin anew, unless that was done: a late repeat must not empty the next basket.

        Lines are counted on, so that an old page cannot touch a new customer's line.
        """
        if self.key == str(key):
            type(self)(self.shift_id, last_id=self.last_id).keep(request)

    def add(self, *, sku: str, name: str, quantity_milli: int, price_minor: int) -> None:
        """Put goods into the basket; goods that are there at the same price become more."""
        for position, line in enumerate(self.lines):
            if (line.sku, line.price_minor, line.name) == (sku, price_minor, name):
                more = replace(line, quantity_milli=line.quantity_milli + quantity_milli)
                self.lines[position], self.touched = more, line.id
                return
        self.last_id = self.touched = self.last_id + 1
        self.lines.append(TillLine(self.last_id, sku, name, quantity_milli, price_minor))

    def change(self, line_id: int, quantity_milli: int) -> None:
        self.lines = [
            replace(line, quantity_milli=quantity_milli) if line.id == line_id else line
            for line in self.lines
        ]

    def remove(self, line_id: int) -> None:
        self.lines = [line for line in self.lines if line.id != line_id]

    def serve(self, member: Member | None, card: Card | None = None) -> None:
        """Another customer: what the one before wanted to pay with points is forgotten."""
        self.member = str(member.public_id) if member else ""
        self.member_name = masked_name(member.name) if member else ""
        self.card, self.points = card.number if card else "", 0
