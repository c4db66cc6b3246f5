"""What the application's role may do to which table; granted anew after each migration.

Apps name their fenced tables in ``AppConfig.ready``. A fenced table takes
inserts and reads; of its columns only the named ones may be updated.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from psycopg import sql

from loyalty_crm.kernel.roles import app_role, one_role_only

_fenced: dict[str, frozenset[str]] = {}


def fence(table: str, update_columns: Iterable[str] = ()) -> None:
    """Take UPDATE and DELETE on ``table`` from the application, but for the columns named."""
    _fenced[table] = frozenset(update_columns)


def fenced() -> dict[str, frozenset[str]]:
    return dict(_fenced)


def grant() -> None:
    """Bring the database's privileges to what the code says. Call it as owner.

    Idempotent: it takes everything back first, so a fence that was opened by
    hand, or named yesterday, is right again. TRUNCATE is never granted.
    """
    if one_role_only():
        return
    role = sql.Identifier(app_role())
    with connection.cursor() as cursor:
        for schema in own_schemas():
            for statement in schema_statements(sql.Identifier(schema), role):
                cursor.execute(statement)
        for table in _fenced.keys() & set(existing_tables()):
            for statement in fence_statements(sql.Identifier(table), role, _fenced[table]):
                cursor.execute(statement)


def schema_statements(schema: sql.Identifier, role: sql.Identifier) -> list[sql.Composed]:
    return [
        sql.SQL(text).format(schema=schema, role=role)
        for text in (
            "GRANT USAGE ON SCHEMA {schema} TO {role}",
            "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
            "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        )
    ]


def fence_statements(
    table: sql.Identifier, role: sql.Identifier, columns: frozenset[str]
) -> list[sql.Composed]:
    """A revoked table privilege takes the column privileges of the same kind with it."""
    statements = [sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}").format(table, role)]
    if columns:
        named = sql.SQL(", ").join(map(sql.Identifier, sorted(columns)))
        statements.append(sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(named, table, role))
    return statements


def own_schemas() -> list[str]:
    """Where migrations put tables: the public schema and those the owner made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = 'public'"
            " OR (nspowner = current_user::regrole AND nspname !~ '^pg_' AND nspname <> 'pgmq')"
        )
        return [name for (name,) in cursor.fetchall()]


def existing_tables() -> list[str]:
    return connection.introspection.table_names()
