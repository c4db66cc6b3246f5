"""A mall with partners: what is agreed, and tills of partners that speak with their own keys."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from typing import Any

from loyalty_crm.kernel import api_keys, clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from members.models import Card, Store
from rewards.models import Partner, PartnerContract
from rewards.services.partners import contracts
from rewards.services.partners.directory import About, register_partner
from tests.api import Integrator
from tests.factories.members import StoreFactory

SCOPES = ("partner:read", "partner:trade")
ANNA, BORIS = Actor("user", "101", name="anna"), Actor("user", "102", name="boris")
_numbers = count(1)


def usd(minor: int) -> dict[str, Any]:
    return {"amount": minor, "currency": "USD"}


class Mall:
    """A partner of the programme with one store, its contract, and its key."""

    def __init__(self, code: str, **terms: Any) -> None:
        self.store: Store = StoreFactory(code=f"{code}-1")
        integration = api_keys.create_integration(
            name=f"{code} {next(_numbers)}", scopes=SCOPES, stores=(), actor=SYSTEM
        )
        about = About(code=code, name=code.title(), integration=integration, stores=[self.store])
        self.partner: Partner = register_partner(about=about, actor=SYSTEM)
        self.contract: PartnerContract = agree(self.partner, **terms)
        self.api = Integrator(api_keys.issue_key(integration=integration, actor=SYSTEM))

    def post(self, path: str, key: str | None = None, **body: Any) -> Any:
        return self.api.post(f"/api/v1/partner/{path}", body, key or f"k-{next(_numbers)}")

    def get(self, path: str = "") -> Any:
        return self.api.get(f"/api/v1/partner{path}")

    def earn(self, card: Card, minor: int, ref: str = "", status: int = 201, **more: Any) -> Any:
        amount = {} if "event" in more else {"amount": usd(minor)}
        return self._did("earn", card, ref, status, **amount, **more)

    def burn(self, card: Card, points: int, ref: str = "", status: int = 201, **more: Any) -> Any:
        return self._did("burn", card, ref, status, points=points, **more)

    def reverse(self, done: Any, ref: str = "", status: int = 201, **more: Any) -> Any:
        at = f"operations/{done['operation']['id']}/reverse"
        answer = self.post(at, reference=ref or f"D-{next(_numbers)}", **more)
        assert answer.status_code == status, answer.content
        return answer.json()

    def _did(self, verb: str, card: Card, ref: str, status: int, **body: Any) -> Any:
        body = {"store": self.store.code, **body}
        ref = ref or f"D-{next(_numbers)}"
        answer = self.post(verb, member={"card": card.number}, reference=ref, **body)
        assert answer.status_code == status, answer.content
        return answer.json()


def agree(partner: Partner, **terms: Any) -> PartnerContract:
    """1 point for 1.00; 1 000 points cost the partner 10.00 and bring it 9.00."""
    known: dict[str, Any] = {"starts_on": date(2024, 1, 1), "burn_price_minor": 900, **terms}
    draft = contracts.draft_contract(partner=partner, terms=known, actor=ANNA)
    return contracts.activate_contract(contract=draft, actor=ANNA)


def today() -> date:
    return clock.now().date()


def long_ago(days: int) -> str:
    return (clock.now() - timedelta(days=days)).isoformat()
