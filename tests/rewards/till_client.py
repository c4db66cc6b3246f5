"""A till: an integration's key, and bodies as it sends them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from loyalty_crm.kernel import clock
from tests.api import Integrator, new_key

ALL = ["sales:read", "sales:write", "refunds:write", "rules:read", "rules:write"]
_numbers = count(1)


def new_token(*scopes: str, stores: tuple[str, ...] = ()) -> str:
    return new_key(*(scopes or ALL), stores=stores)


class Till:
    """Speaks to the API as a till does; every write has a key of its own unless one is given."""

    def __init__(self, *scopes: str, stores: tuple[str, ...] = (), token: str = "") -> None:
        self.token = token or new_token(*scopes, stores=stores)
        self.integrator = Integrator(self.token)

    def get(self, path: str) -> Any:
        return self.integrator.get(f"/api/v1/{path}")

    def post(self, path: str, body: Any, key: str | None = "fresh") -> Any:
        raw = body if isinstance(body, str | bytes) else json.dumps(body)
        fresh = f"key-{next(_numbers)}" if key == "fresh" else key
        encoded = raw.encode() if isinstance(raw, str) else raw
        return self.integrator.post(f"/api/v1/{path}", encoded, fresh)


def usd(minor: int) -> dict[str, Any]:
    return {"amount": minor, "currency": "USD"}


def line(sku: str, price: int, quantity: str = "1", **details: Any) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "price": usd(price), **details}


def basket(store: Any, *lines: dict[str, Any], card: Any = None, **details: Any) -> dict[str, Any]:
    body = {"store": store.code, "lines": list(lines), **details}
    return {**body, "member": {"card": card.number}} if card else body


def purchase(store: Any, number: str, *lines: dict[str, Any], **details: Any) -> dict[str, Any]:
    timed = {"occurred_at": right_now(), **details}
    return {**basket(store, *lines, **timed), "number": number}


def right_now() -> str:
    return clock.now().isoformat()
