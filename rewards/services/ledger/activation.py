"""Points that were promised become active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from loyalty_crm.kernel.actors import SYSTEM
from rewards.services.ledger.locks import lock_free_wallets, lock_wallets, survivors
from rewards.services.ledger.values import Event
from rewards.services.ledger.writing import draft_for

# Points of a merged wallet become active on its survivor.
_DUE = """
WITH RECURSIVE due AS (
    SELECT p.id, p.wallet_id, p.amount - p.cancelled AS amount, p.available_at, p.expires_at
      FROM rewards_pendinggrant p JOIN rewards_wallet w ON w.id = p.wallet_id
     WHERE p.posted_tx_id IS NULL AND p.cancelled < p.amount AND p.available_at <= %(as_of)s
       AND w.status IN ('active', 'merged') AND (%(ids)s::bigint[] IS NULL OR p.id = ANY(%(ids)s))
     ORDER BY p.available_at, p.id LIMIT %(limit)s
), owner AS (
    SELECT due.id, w.id AS wallet_id, w.merged_into_id
      FROM due JOIN rewards_wallet w ON w.id = due.wallet_id
    UNION ALL
    SELECT owner.id, w.id, w.merged_into_id
      FROM owner JOIN rewards_wallet w ON w.id = owner.merged_into_id
)
SELECT due.id, owner.wallet_id, due.amount, due.available_at, due.expires_at
  FROM due JOIN owner USING (id) WHERE owner.merged_into_id IS NULL
 ORDER BY due.available_at, due.id
"""
_POSTED = """
    UPDATE rewards_pendinggrant p SET posted_tx_id = e.tx
      FROM unnest(%s::bigint[], %s::bigint[]) AS e (id, tx) WHERE p.id = e.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    id: int
    wallet_id: int
    amount: int
    available_at: datetime
    expires_at: datetime


@transaction.atomic
def activate_pending(*, as_of: datetime, limit: int = 1000) -> int:
    """Post promised points whose time has come, at most ``limit``; return how many.

    Wallets in use, and frozen ones, are left for a later run. The key of the
    transaction is the promise, so no points become active twice.
    """
    found = due_grants(as_of, None, limit)
    locked = lock_free_wallets({due.wallet_id for due in found}, ["active"])
    # Asked again under the locks: a return may have cancelled some of them.
    mine = {due.id for due in found if due.wallet_id in locked}
    ready = [d for d in due_grants(as_of, sorted(mine), limit) if d.wallet_id in locked]
    draft = draft_for(list(survivors(lock_wallets(locked)).values()))
    for due in ready:
        draft.event(Event("activate", "pending", str(due.id), due.available_at, SYSTEM.label))
        draft.gain(due.wallet_id, "earn", [(due.expires_at, due.amount)])
    ids = draft.write()
    with connection.cursor() as cursor:
        cursor.execute(_POSTED, [[due.id for due in ready], ids])
    return len(ready)


def due_grants(as_of: datetime, ids: list[int] | None, limit: int) -> list[Due]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"as_of": as_of, "ids": ids, "limit": limit})
        return [Due(*row) for row in cursor.fetchall()]
