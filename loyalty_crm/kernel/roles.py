"""Two database roles: the owner migrates and empties, the application does all the rest.

The application's role can't alter a table and can't rewrite what is fenced
(``loyalty_crm.kernel.privileges``), even when the code is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import connection

CREDENTIALS = ("USER", "PASSWORD", "HOST", "PORT")


@contextmanager
def as_owner() -> Iterator[None]:
    """Let this thread's default connection log in as the owner of the tables, then hand it back.

    It changes sessions, so it refuses to run inside a transaction. Nested
    calls change nothing.
    """
    if connection.in_atomic_block:
        raise RuntimeError("as_owner() changes the session and can't run inside a transaction")
    before = connection.settings_dict
    owner = {**before, **{key: settings.DATABASE_OWNER[key] for key in CREDENTIALS}}
    owner["OPTIONS"] = {**before["OPTIONS"], **settings.DATABASE_OWNER["OPTIONS"]}
    # A migration may wait for a lock, and run, as long as it takes.
    owner["OPTIONS"].pop("options", None)
    log_in(owner)
    try:
        yield
    finally:
        log_in(before)


def log_in(parts: dict[str, Any]) -> None:
    """Only this thread's wrapper changes: other threads share the dictionary, not the wrapper."""
    connection.close()
    connection.settings_dict = parts


def app_role() -> str:
    return str(settings.DATABASES["default"]["USER"])


def one_role_only() -> bool:
    return app_role() == str(settings.DATABASE_OWNER["USER"])


@checks.register(checks.Tags.database)
def fence_is_up(
    app_configs: Sequence[AppConfig] | None,
    databases: Collection[str] | None = None,
    **_kwargs: object,
) -> list[checks.CheckMessage]:
    """Told by ``migrate`` and ``check --database default``; the server has but one address."""
    if not databases or not one_role_only():
        return []
    return [
        checks.Warning(
            "One database role does everything, so the application may rewrite the ledger.",
            hint="Set DATABASE_OWNER_URL to the owner's address, DATABASE_URL to another role's.",
            id="kernel.W001",
        )
    ]
