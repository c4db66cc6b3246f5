"""Tools of the ledger's tests: what no product code may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from loyalty_crm.kernel.roles import as_owner

TABLES = ["wallet", "lot", "ledgertx", "ledgerentry", "lotmove", "hold", "holdresolution"]


def damage(*statements: str) -> None:
    """Change rows as owner with the guards switched off: the positive control of an audit."""
    with as_owner(), transaction.atomic(), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE rewards_{table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE rewards_{table} ENABLE TRIGGER USER")


@contextmanager
def owner_did(*, before: str, after: str) -> Iterator[None]:
    """Take a defence away for a negative control, and put it back whatever happens."""
    by_owner(before)
    try:
        yield
    finally:
        by_owner(after)


def by_owner(statement: str) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement)
