"""The till's own cursor, and what a database error means to the caller."""

from __future__ import annotations

from typing import cast

import psycopg
from django.db import Error, connection
from django.db.backends.utils import CursorWrapper

from loyalty_crm.kernel.backend.base import DatabaseWrapper

LOCK_TIMEOUT = "55P03"
SERIALIZATION = {"40001", "40P01"}


def planned_cursor() -> CursorWrapper:
    """A cursor whose statements are planned once a session; see the backend for when to use it."""
    return cast("DatabaseWrapper", connection).planned_cursor()


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code behind Django's wrapper; None when the server never answered."""
    cause = error.__cause__
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None


def is_lock_timeout(error: Error) -> bool:
    return sqlstate(error) == LOCK_TIMEOUT


def is_retryable(error: Error) -> bool:
    """A serialization failure or a deadlock: the same unit may succeed when run again."""
    return sqlstate(error) in SERIALIZATION
