"""Version stamps that travel with the first query of a request.

A process keeps something in memory (the compiled rule set) together with the
stamp it was built from. Whoever changes the source bumps the stamp in the same
transaction; the next request of any process sees the new number without asking.
"""

from __future__ import annotations

import json

from django.db import connection


def bump(name: str) -> int:
    """Count a change. Concurrent changes queue here until the first commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kernel_bump_stamp(%s)", [name])
        return int(cursor.fetchone()[0])


def current() -> dict[str, int]:
    """All stamps, by one query: for doors without an API key (till, tasks, commands)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(jsonb_object_agg(name, version), '{}')::text FROM kernel_stamp"
        )
        return parse(cursor.fetchone()[0])


def parse(text: str) -> dict[str, int]:
    return {str(name): int(version) for name, version in json.loads(text).items()}
