"""/healthz and /readyz: who answers, what is told, and what takes a process out of service."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.utils import OperationalError
from django.utils import timezone

from loyalty_crm.kernel import health
from loyalty_crm.kernel.models import OutboxEvent


def test_alive_without_a_database(client):
    """No database mark: a query here would fail the test."""
    assert client.get("/healthz").json() == {"status": "alive"}


@pytest.mark.django_db
def test_ready_when_the_database_is(client, django_assert_num_queries):
    client.get("/readyz")

    with django_assert_num_queries(3):  # the tests' broker lives in memory: no fourth
        response = client.get("/readyz")

    assert response.status_code == 200
    assert {name: check["ok"] for name, check in response.json()["checks"].items()} == {
        "database": True,
        "migrations": True,
        "outbox": True,
        "broker": True,
    }


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_missing(client, monkeypatch):
    missing = frozenset({("rewards", "9999_of_tomorrow")})
    monkeypatch.setattr(health, "expected_migrations", lambda: missing)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["migrations"]["missing"] == ["rewards.9999_of_tomorrow"]


@pytest.mark.django_db
def test_not_ready_without_a_database_and_no_address_is_told(client, monkeypatch):
    def refuse():
        raise OperationalError("connection to 10.1.2.3 failed: password hunter2")

    monkeypatch.setattr(health, "database", refuse)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["database"] == {
        "ok": False,
        "required": True,
        "error": "OperationalError",
    }
    assert "hunter2" not in response.content.decode()


@pytest.mark.django_db
def test_a_late_outbox_is_told_but_the_till_goes_on(client):
    late = timezone.now() - timedelta(seconds=health.LATE_SECONDS + 60)
    OutboxEvent.objects.create(kind="k", object_type="t", object_id="1", next_attempt_at=late)

    response = client.get("/readyz")

    assert response.status_code == 200
    outbox = response.json()["checks"]["outbox"]
    assert outbox["ok"] is False
    assert outbox["oldest_seconds"] >= health.LATE_SECONDS


@pytest.mark.django_db
def test_a_silent_broker_is_told_but_the_till_goes_on(client, monkeypatch):
    def refuse():
        raise ConnectionRefusedError

    monkeypatch.setattr(health, "broker", refuse)

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["checks"]["broker"]["ok"] is False


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading_is_answered(client, path):
    assert client.post(path).status_code == 405
