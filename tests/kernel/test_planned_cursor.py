"""The cursor of the till's large statements: planned once a session, never behind a pooler."""

from __future__ import annotations

import pytest
from django.db import connection

from loyalty_crm.kernel.database import planned_cursor

pytestmark = pytest.mark.django_db

NAMED = "SELECT %(word)s::text || %(number)s::int || %(word)s::text"


def ask(query: str, values: object) -> object:
    with planned_cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


def prepared(part: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE position(%s in statement) > 0",
            [part],
        )
        return int(cursor.fetchone()[0])


def test_values_are_named_or_in_order() -> None:
    assert ask(NAMED, {"number": 7, "word": "a"}) == "a7a"
    assert ask("SELECT %s::text || %s::text", ["a", "a"]) == "aa"


def test_a_statement_is_prepared_once_a_session() -> None:
    assert [ask(NAMED + " || 'once'", {"number": n, "word": "b"}) for n in (1, 2, 3)] == [
        "b1bonce", "b2bonce", "b3bonce",
    ]  # fmt: skip
    assert prepared("'once'") == 1


def test_other_cursors_of_the_session_prepare_nothing() -> None:
    ask(NAMED, {"number": 1, "word": "c"})
    with connection.cursor() as cursor:
        for _ in range(10):
            cursor.execute("SELECT 'plain', %s", [1])
    assert prepared("plain', ") == 0


def test_a_column_that_came_meanwhile_does_not_break_the_plan() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE seen (a int) ON COMMIT DROP")
        cursor.execute("INSERT INTO seen VALUES (1)")
    assert ask("SELECT a FROM seen WHERE a = %s", [1]) == 1
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE seen ADD b int")
    assert ask("SELECT a FROM seen WHERE a = %s", [1]) == 1


def test_behind_a_pooler_nothing_is_prepared(settings: pytest.FixtureRequest) -> None:
    settings.BEHIND_PGBOUNCER = True  # type: ignore[attr-defined]
    assert ask(NAMED + " || 'pool'", {"number": 1, "word": "d"}) == "d1dpool"
    assert prepared("'pool'") == 0
