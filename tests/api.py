"""An integrator, as the tests see one: sends raw bytes, and reads every refusal critically."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from loyalty_crm.kernel import api_keys
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import registry
from loyalty_crm.kernel.models import Integration

_names = itertools.count(1)
_INTERNALS = re.compile(r"<html|Traceback|File \"|SELECT |psycopg|django\.|/site-packages/")

#: Codes that left the API during this session; ``tests.error_codes`` asks for the missing ones.
seen_codes: set[str] = set()


def new_key(
    *scopes: str, stores: tuple[str, ...] = (), integration: Integration | None = None
) -> str:
    """A live token: of a new integration, or one more of an existing one."""
    integration = integration or api_keys.create_integration(
        name=f"till {next(_names)}", scopes=scopes, stores=stores, actor=SYSTEM
    )
    return api_keys.issue_key(integration=integration, actor=SYSTEM)


def our_words(problem: dict[str, Any]) -> str:
    """The answer without the places it points at: a caller may call a field what it likes."""
    faults = [{**each, "pointer": ""} for each in problem.get("errors", [])]
    return json.dumps({**problem, "errors": faults})


def check_problem(response: Any) -> dict[str, Any]:
    """Row 42 of the quality bar, asked of every refusal that a test receives."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content[:300]
    text = response.content.decode()
    problem: dict[str, Any] = json.loads(text)
    wanted = {"type", "title", "status", "code", "detail", "instance", "request_id", "retryable"}
    assert wanted <= problem.keys()
    known = registry()[problem["code"]]
    assert problem["status"] == response.status_code == known.status
    assert problem["retryable"] == known.retryable
    assert all(problem[name] for name in ("title", "request_id", "detail"))
    assert not _INTERNALS.search(our_words(problem)), text
    for fault in problem.get("errors", []):
        assert fault.keys() == {"pointer", "code", "params", "detail"}
    seen_codes.add(problem["code"])
    return problem


@dataclass
class Integrator:
    """Calls the API with a key. ``key=...`` sets the Idempotency-Key, the rest are headers."""

    token: str = ""
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def request(
        self, method: str, path: str, body: object = None, key: str | None = None, **headers: str
    ) -> Any:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if key is not None:
            headers["Idempotency-Key"] = key
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        kind = headers.pop("Content-Type", "application/json")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.generic(method, path, raw, content_type=kind, headers=named)
        if response.status_code >= 400:
            check_problem(response)
        return response

    def get(self, path: str, **headers: str) -> Any:
        return self.request("GET", path, **headers)

    def post(self, path: str, body: object = None, key: str | None = None, **headers: str) -> Any:
        return self.request("POST", path, body, key, **headers)

    def patch(self, path: str, body: object = None, key: str | None = None, **headers: str) -> Any:
        return self.request("PATCH", path, body, key, **headers)

    def delete(self, path: str, key: str | None = None, **headers: str) -> Any:
        return self.request("DELETE", path, None, key, **headers)


@pytest.fixture
def api(db: None) -> Callable[..., Integrator]:
    """``api("sales:write", stores=("S1",)).post(url, body, key="…")``; no scope, no key."""

    def integrator(*scopes: str, stores: tuple[str, ...] = ()) -> Integrator:
        return Integrator(new_key(*scopes, stores=stores))

    return integrator


@pytest.fixture
def stranger() -> Integrator:
    """Somebody without a key."""
    return Integrator()
