"""Is this process alive, and may it be given work.

Ready means that a till can sell: the database answers and its tables are those
this code expects. A late outbox or a silent broker is told but takes nobody out
of service, because taking the web servers away would turn a delay into an outage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Min
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from loyalty_crm.kernel.models import OutboxEvent

LATE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Check:
    """The state of one thing this process depends on."""

    ok: bool
    detail: dict[str, Any] = field(default_factory=dict)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nobody else, so a slow database doesn't get it restarted."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Every check with its state; 503 when a required one fails. Four queries at most."""
    required = {"database": guarded(database), "migrations": guarded(migrations)}
    told = {"outbox": guarded(outbox), "broker": guarded(broker)}
    ready = all(check.ok for check in required.values())
    checks = {
        name: {"ok": check.ok, "required": name in required, **check.detail}
        for name, check in {**required, **told}.items()
    }
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


def guarded(check: Callable[[], Check]) -> Check:
    """A check that can't be made has failed. Of the error only the kind is told: no addresses."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - drivers and brokers raise what they like
        return Check(ok=False, detail={"error": type(error).__name__})


def database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(ok=True)


def migrations() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = sorted(expected_migrations() - set(cursor.fetchall()))
    return Check(ok=not missing, detail={"missing": [".".join(key) for key in missing]})


@cache
def expected_migrations() -> frozenset[tuple[str, str]]:
    """What this code brought along. A process never changes its code, so it's read once."""
    loader = MigrationLoader(None)
    return frozenset(key for key in loader.disk_migrations if key in loader.graph.nodes)


def outbox() -> Check:
    waiting = OutboxEvent.objects.filter(published_at=None, dead_at=None)
    oldest = waiting.aggregate(overdue=Now() - Min("next_attempt_at"))["overdue"]
    seconds = max(0, int(oldest.total_seconds())) if oldest else 0
    return Check(ok=seconds < LATE_SECONDS, detail={"oldest_seconds": seconds})


def broker() -> Check:
    """Connect once, briefly. The zero-setup broker lives in the database asked above."""
    if settings.BROKER_IN_OUR_DATABASE:
        return broker_in_the_database()
    with current_app.connection_for_write(connect_timeout=2) as session:
        session.ensure_connection(max_retries=1, timeout=2)
    return Check(ok=True)


def broker_in_the_database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgmq.meta') IS NOT NULL")
        return Check(ok=cursor.fetchone() == (True,))
