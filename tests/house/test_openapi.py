"""The schema is whole, valid, and served with pages that need nobody else's server."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The schema as the generator writes it; a warning fails, and so does an invalid document."""
    target = tmp_path_factory.mktemp("openapi") / "openapi.json"
    call_command(
        "spectacular", file=str(target), format="openapi-json", fail_on_warn=True, validate=True
    )
    found: dict[str, Any] = json.loads(target.read_text())
    return found


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_schema_is_openapi_3_1_and_names_the_key(schema):
    assert schema["openapi"].startswith("3.1")
    assert schema["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"


def test_every_operation_documents_its_refusals(schema):
    for path, method, operation in operations(schema):
        refused = operation["responses"]["4XX"]["content"]
        assert list(refused) == ["application/problem+json"], (path, method)


def test_operation_ids_are_unique(schema):
    ids = [operation["operationId"] for _, _, operation in operations(schema)]

    assert len(ids) == len(set(ids))


@pytest.mark.django_db
def test_the_served_schema_is_the_same(client: Client, schema):
    served = client.get("/api/v1/openapi.json")

    assert served.status_code == 200
    assert served.json()["paths"].keys() == schema["paths"].keys()


def test_the_docs_name_no_foreign_server(client: Client):
    page = client.get("/api/docs/")

    assert page.status_code == 200
    script = client.get("/api/docs/?script")
    for text in (page.content.decode(), script.content.decode()):
        assert not re.search(r"(src|href)=[\"'](https?:)?//", text)
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "http" not in policy.replace("http-equiv", "")
