"""What empties the database after a test that commits: the rows that came, and no more.

Django's own flush truncates every table and asks every app for its seeds again,
ten times as much work as most tests do. This one deletes what is there, with
triggers and keys switched off, and leaves seeds that nobody has touched. In
doubt it is Django's.
"""

from __future__ import annotations

from typing import Any

from django.db import ProgrammingError, connection, transaction
from django.test import TransactionTestCase

from loyalty_crm.kernel.roles import as_owner

# A table that was never written to has no file, and most tests write to few.
FILLED = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
      AND relname <> 'django_migrations'
    ORDER BY relname
"""
DIGEST = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"


def install() -> None:
    """Take the rows of this moment for the seeds, and replace the flush of Django's test cases."""
    original, seeds = TransactionTestCase._fixture_teardown, digests(filled_tables())

    def teardown(case: TransactionTestCase) -> None:
        if case.available_apps is not None or not emptied(seeds):
            original(case)
            seeds.clear()
            seeds.update(digests(filled_tables()))

    TransactionTestCase._fixture_teardown = teardown


def emptied(seeds: dict[str, str | None]) -> bool:
    """Whether the database is as it was. False leaves the work to Django."""
    with as_owner():
        try:
            with transaction.atomic():
                run("SET LOCAL session_replication_role = replica")
                delete(name for name in filled_tables() if not seeds.get(name))
        except ProgrammingError:  # a server of one's own, where the owner may not do that
            return False
        return digests(name for name in seeds if seeds[name]) == {
            name: digest for name, digest in seeds.items() if digest
        }


def delete(tables: Any) -> None:
    statements = [f'DELETE FROM "{name}"' for name in tables]
    if statements:
        run("; ".join(statements))


def filled_tables() -> list[str]:
    return [name for (name,) in run(FILLED)]


def digests(tables: Any) -> dict[str, str | None]:
    """One query for all. None stands for a table that has a file but no rows."""
    names = list(tables)
    queries = [f"SELECT '{name}', ({DIGEST.format(name)})" for name in names]
    return dict(run(" UNION ALL ".join(queries))) if queries else {}


def run(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []
