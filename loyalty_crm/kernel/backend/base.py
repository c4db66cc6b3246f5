"""The database backend: Django's own, with a health check that costs no round trip
and a cursor whose statements the server plans once a session."""

from __future__ import annotations

import re
import select
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


class PlannedCursor(base.CursorMixin, psycopg.RawCursor[Any]):
    """Prepares what it executes; other cursors of the session stay without."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self.connection.prepare_threshold = 0
        try:
            return super().execute(*_numbered(query, params), **{**options, "prepare": True})
        finally:
            self.connection.prepare_threshold = None


def _numbered(query: str, params: Any) -> tuple[str, list[Any]]:
    """The server's own ``$1`` for ``%(name)s`` and ``%s``: worked out once for each statement."""
    text, names = _positions(query)
    return text, [params[name] for name in names]


@lru_cache(maxsize=64)
def _positions(query: str) -> tuple[str, list[Any]]:
    names: list[Any] = []

    def place(found: re.Match[str]) -> str:
        name = found["name"] or len(names)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return re.sub(r"%(?:\((?P<name>\w+)\))?s", place, query), names


class DatabaseWrapper(base.DatabaseWrapper):
    def planned_cursor(self) -> CursorWrapper:
        """For the few large statements of the till, which cost more to plan than to run.

        The values are bound by the server, so a statement has to say their types where
        PostgreSQL can't guess them. Behind pgbouncer a session changes hands between
        transactions: there it is an ordinary cursor.
        """
        if settings.BEHIND_PGBOUNCER:
            return self.cursor()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor: CursorWrapper = self._prepare_cursor(PlannedCursor(self.connection))  # type: ignore[attr-defined]
        return cursor

    def is_usable(self) -> bool:
        """Whether the kept session still lives, asked at the first query of every request.

        A server that closed the session has made its socket readable; a quiet
        socket is a living session. Only when something lies there, Django's
        ``SELECT 1`` decides. Networks that die without a word are found by
        TCP's own keepalives, as before.
        """
        if self.connection is None:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poll.poll(0) or super().is_usable()
