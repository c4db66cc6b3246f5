"""Do it once: the key, the work and the answer share one transaction.

There is no moment at which a crash leaves a key taken without its work, or
work done without its answer stored.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from loyalty_crm.kernel import wire
from loyalty_crm.kernel.database import is_lock_timeout, is_retryable
from loyalty_crm.kernel.errors import (
    DomainError,
    IdempotencyInFlight,
    IdempotencyKeyReused,
)
from loyalty_crm.kernel.models import IdempotencyRecord
from loyalty_crm.kernel.problems import problem_bytes

ATTEMPTS = 5

# Several statements in one round trip. A twin that is still running makes the INSERT wait
# for its end, at most 1.5 s; the work inherits the same patience.
_CLAIM = """
    SET LOCAL lock_timeout = 1500;
    INSERT INTO kernel_idempotencyrecord (scope, key, fingerprint)
    VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING true;
    SAVEPOINT idempotent_work
"""
_READ = """
    SELECT fingerprint, status, body FROM kernel_idempotencyrecord WHERE scope = %s AND key = %s
"""
_STORE = """
    RELEASE SAVEPOINT idempotent_work;
    UPDATE kernel_idempotencyrecord SET status = %s, body = %s WHERE scope = %s AND key = %s
"""
_UNDO_AND_STORE = "ROLLBACK TO SAVEPOINT idempotent_work;" + _STORE

# In the order of the keys, so that two batches with the same keys queue and never embrace.
_CLAIM_MANY = """
    SET LOCAL lock_timeout = 1500;
    INSERT INTO kernel_idempotencyrecord (scope, key, fingerprint)
    SELECT %s, k.* FROM unnest(%s::text[], %s::bytea[]) AS k (key, fingerprint) ORDER BY key
    ON CONFLICT DO NOTHING RETURNING key
"""
_STORE_MANY = """
    UPDATE kernel_idempotencyrecord r SET status = a.status, body = a.body
      FROM unnest(%s::text[], %s::int[], %s::bytea[]) AS a (key, status, body)
     WHERE r.scope = %s AND r.key = a.key
"""

Work = Callable[[], tuple[int, bytes]]
Refuse = Callable[[DomainError], bytes]


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The answer to a key, and whether an earlier request earned it."""

    status: int
    body: bytes
    replayed: bool


def run_once(
    *,
    scope: str,
    key: str,
    fingerprint: bytes,
    work: Work,
    refuse: Refuse = problem_bytes,
) -> StoredResponse:
    """Run the work unless the key has an answer; either way return the answer.

    A refusal with ``stored`` set undoes the work and becomes the key's answer;
    every other exception undoes the key as well and is raised. A twin that is
    still running is waited for, then refused as in flight. Serialization
    failures and deadlocks repeat the whole unit, so the work must not act
    outside of the database.
    """
    outermost = not connection.in_atomic_block
    for attempt in range(ATTEMPTS):
        try:
            return _unit(scope, key, fingerprint, work, refuse)
        except OperationalError as error:
            if not (outermost and is_retryable(error)) or attempt == ATTEMPTS - 1:
                raise
        time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
    raise AssertionError("the last attempt returns or raises")


def claim_many(scope: str, fingerprints: Mapping[str, bytes]) -> set[str]:
    """Take those of the keys that nobody has taken yet; the others are for ``run_once``.

    Belongs inside the transaction of the work. Every key that was taken must get
    its answer by ``store_many`` before the commit.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_MANY, [scope, list(fingerprints), list(fingerprints.values())])
        cursor.nextset()
        return {key for (key,) in cursor.fetchall()}


def store_many(scope: str, answers: Mapping[str, tuple[int, bytes]]) -> None:
    statuses, bodies = [one for one, _ in answers.values()], [one for _, one in answers.values()]
    with connection.cursor() as cursor:
        cursor.execute(_STORE_MANY, [list(answers), statuses, bodies, scope])


def fingerprint(
    operation: str, path_params: Mapping[str, object], store: str, validated: object
) -> bytes:
    """SHA-256 of what was asked, after validation: spaces and key order do not matter."""
    return hashlib.sha256(wire.canonical([operation, path_params, store, validated])).digest()


def purge(older_than: datetime) -> int:
    """Forget answers given before the moment; business references still stop a double."""
    return IdempotencyRecord.objects.filter(created_at__lt=older_than).delete()[0]


def _unit(scope: str, key: str, fingerprint: bytes, work: Work, refuse: Refuse) -> StoredResponse:
    with transaction.atomic(), connection.cursor() as cursor:
        if not _claim(cursor, scope, key, fingerprint):
            return _earlier_answer(cursor, scope, key, fingerprint)
        hooks = list(connection.run_on_commit)
        sql = _STORE
        try:
            status, body = work()
        except DomainError as refusal:
            if not refusal.stored:
                raise
            status, body, sql = refusal.status, refuse(refusal), _UNDO_AND_STORE
            # What atomic() does for its own savepoints: the failed part is gone, hooks included.
            connection.needs_rollback = False
            connection.run_on_commit = hooks
        cursor.execute(sql, [status, body, scope, key])
        return StoredResponse(status, body, replayed=False)


def _claim(cursor: CursorWrapper, scope: str, key: str, fingerprint: bytes) -> bool:
    try:
        cursor.execute(_CLAIM, [scope, key, fingerprint])
    except OperationalError as error:
        if is_lock_timeout(error):
            raise IdempotencyInFlight(retry_after=1) from error
        raise
    cursor.nextset()
    return cursor.fetchone() is not None


def _earlier_answer(
    cursor: CursorWrapper, scope: str, key: str, fingerprint: bytes
) -> StoredResponse:
    cursor.execute(_READ, [scope, key])
    asked, status, body = cursor.fetchone()
    if bytes(asked) != fingerprint:
        raise IdempotencyKeyReused
    return StoredResponse(status, bytes(body), replayed=True)
