"""What a database error means to the caller."""

from __future__ import annotations

import psycopg
from django.db import Error

LOCK_TIMEOUT = "55P03"
SERIALIZATION = {"40001", "40P01"}


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code behind Django's wrapper; None when the server never answered."""
    cause = error.__cause__
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None


def is_lock_timeout(error: Error) -> bool:
    return sqlstate(error) == LOCK_TIMEOUT


def is_retryable(error: Error) -> bool:
    """A serialization failure or a deadlock: the same unit may succeed when run again."""
    return sqlstate(error) in SERIALIZATION
