"""The tables of the zero-setup broker, which live beside ours and belong to its package.

They are installed after the migrations, not by one: their text and version are
the package's, and a database that was made by hand has them already.
"""

from __future__ import annotations

from importlib.resources import files

from django.db import connection
from psycopg import sql

from loyalty_crm.kernel.roles import app_role, one_role_only


def install() -> None:
    """Create the schema once, and let the application make its queues in it. Call it as owner."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('pgmq') IS NOT NULL")
        if cursor.fetchone() == (False,):
            cursor.execute(files("pgmq.sql").joinpath("pgmq.sql").read_text())
        if not one_role_only():
            for statement in GRANTS:
                cursor.execute(sql.SQL(statement).format(sql.Identifier(app_role())))


GRANTS = (
    "GRANT USAGE, CREATE ON SCHEMA pgmq TO {}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON pgmq.meta TO {}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON pgmq.notify_insert_throttle TO {}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON pgmq.topic_bindings TO {}",
)
