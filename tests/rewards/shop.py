"""A shop with a catalogue, its promotions put live over the API, and what its till is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from loyalty_crm.kernel import clock
from members.models import Card, Category, Product, Store
from rewards.models import AwardBalance
from rewards.rules.templates import by_code
from tests.factories.members import CardFactory, MemberFactory, ProductFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.till_client import ALL, Till, basket, purchase

_numbers = count(1)


def last(weekday: int, hour: str = "12:00") -> str:
    """The last such day before today (1 is Monday) at an hour, in the store's time: UTC."""
    today = clock.now().date()
    day = today - timedelta(days=(today.isoweekday() - weekday) % 7 or 7)
    return datetime.combine(day, time.fromisoformat(hour), UTC).isoformat()


def days_ago(days: int) -> str:
    return (clock.now() - timedelta(days=days)).isoformat()


@dataclass
class Told:
    """A quote or a purchase, read as a test reads it."""

    body: dict[str, Any]

    @property
    def total(self) -> int:
        """What money has to pay, in minor units."""
        return int(self.body["totals"]["total"]["amount"])

    @property
    def nets(self) -> list[int]:
        return [line["net"]["amount"] for line in self.body["lines"]]

    @property
    def points(self) -> int:
        points = self.body["points"]
        return int(points["earn"] if "earn" in points else points["earned"])

    @property
    def awards(self) -> list[tuple[str, str, int]]:
        return [(one["kind"], one["code"], one["amount"]) for one in self.body["awards"]]

    def of(self, code: str) -> dict[str, Any]:
        """The one decision about a promotion."""
        [found] = [one for one in self.body["decisions"] if one["promotion"] == code]
        return found

    def says(self, code: str) -> str:
        return str(self.of(code)["text"]).replace("\N{NO-BREAK SPACE}", " ")


@dataclass
class Shop:
    """1 point for every 1.00; a point pays 0.01. The buyer was born on 1 May 1990."""

    store: Store = field(default_factory=lambda: StoreFactory(code="S1"))
    card: Card = field(
        default_factory=lambda: CardFactory(member=MemberFactory(birth_date=date(1990, 5, 1)))
    )
    till: Till = field(init=False)

    def __post_init__(self) -> None:
        make_programme()
        self.till = Till(*ALL, "coupons:read", "coupons:write")

    def sells(self, category: str, *skus: str, brand: Any = None) -> list[Product]:
        node = Category.objects.get_or_create(code=category, defaults={"name": category.title()})[0]
        return [ProductFactory(sku=sku, name=sku, category=node, brand=brand) for sku in skus]

    def offers(self, code: str, **values: Any) -> dict[str, Any]:
        """Put the template's example live, with other values if given; it is called like it."""
        template = by_code[code]
        return self.publishes(code, template.build({**template.example, **values}))

    def publishes(self, code: str, definition: dict[str, Any]) -> dict[str, Any]:
        """Created, worded and put live by three calls of the API."""
        made = self._did(self.till.post("promotions", {"code": code, "name": code}), 201)
        at = f"promotions/{made['id']}/versions"
        version = self._did(self.till.post(at, {"definition": definition}), 201)
        return self._did(
            self.till.post(f"{at}/{version['number']}/publish", {"starts_at": days_ago(365)}), 200
        )

    def prints_code(self, promotion: str, code: str) -> None:
        """A batch of one code for everybody, as often as they like."""
        terms = {"promotion": promotion, "kind": "generic", "name": code, "code": code}
        self._did(self.till.post("coupon-batches", {**terms, "uses_per_code": None}), 201)

    def quote(self, *lines: dict[str, Any], card: bool = True, **details: Any) -> Told:
        asked = basket(self.store, *lines, card=self.card if card else None, **details)
        return Told(self._did(self.till.post("quotes", asked, key=None), 200))

    def sell(self, *lines: dict[str, Any], card: bool = True, **details: Any) -> Told:
        """A purchase, paid for as it was quoted. Which one it is, is its number."""
        shown = {"card": self.card} if card else {}
        body = purchase(self.store, f"R-{next(_numbers)}", *lines, **shown, **details)
        return Told(self._did(self.till.post("purchases", body), 201))

    def take_back(self, sold: Told, **lines: str) -> dict[str, Any]:
        """Pieces of lines (``line_1="1"``) come back; what went back in money and points."""
        returned = [
            {"line": int(name.removeprefix("line_")), "quantity": quantity}
            for name, quantity in lines.items()
        ]
        body = {"number": f"B-{next(_numbers)}", "lines": returned}
        did = self._did(self.till.post(f"purchases/{sold.body['id']}/refunds", body), 201)
        refund: dict[str, Any] = did["refund"]
        return {"money": refund["money"]["amount"], "points": refund["points_taken_back"]}

    def balance_of(self, kind: str, code: str) -> int:
        """Stamps, tickets or plays that the buyer has."""
        found = AwardBalance.objects.filter(member=self.card.member, kind=kind, code=code).first()
        return found.balance if found else 0

    def _did(self, response: Any, status: int) -> dict[str, Any]:
        assert response.status_code == status, response.content
        body: dict[str, Any] = response.json()
        return body
