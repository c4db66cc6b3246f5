"""The one place that locks wallets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psycopg
from django.db import OperationalError, connection

from rewards.services.ledger.refusals import refusals
from rewards.services.ledger.values import WalletState

# Merged wallets are followed before anything is locked: a lock on a wallet that moves no more
# would only break the order. The sort stands below the locks, so ids are locked in order.
_LOCK = """
    WITH RECURSIVE chain AS (
        SELECT id AS asked, id, merged_into_id FROM rewards_wallet WHERE id = ANY(%s)
        UNION ALL
        SELECT chain.asked, w.id, w.merged_into_id
          FROM chain JOIN rewards_wallet w ON w.id = chain.merged_into_id
    )
    SELECT chain.asked, w.id, w.public_id, w.programme_id, w.member_id, w.unit, w.kind, w.status,
           w.posted, w.held, w.debt_limit, w.last_seq
      FROM chain JOIN rewards_wallet w USING (id)
     WHERE chain.merged_into_id IS NULL
     ORDER BY w.id FOR NO KEY UPDATE OF w
"""


def lock_wallets(ids: Iterable[int]) -> dict[int, WalletState]:
    """Lock the wallets, in the order of their ids, until the transaction ends.

    The key is the id that was asked for; a merged wallet answers with its
    survivor. Unknown ids are missing. A wallet that is merged while we wait for
    it is a serialization failure: run the whole unit again.
    """
    with refusals(), connection.cursor() as cursor:
        cursor.execute(_LOCK, [sorted(set(ids))])
        states = {asked: WalletState(*rest) for asked, *rest in cursor.fetchall()}
    if any(state.status == "merged" for state in states.values()):
        raise OperationalError("merged meanwhile") from psycopg.errors.SerializationFailure()
    return states


def lock_wallet(wallet_id: int) -> WalletState:
    return lock_wallets([wallet_id])[wallet_id]


_SKIP = """
    SELECT id FROM rewards_wallet WHERE id = ANY(%s) AND status = ANY(%s)
     ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""


def lock_free_wallets(ids: Iterable[int], statuses: Iterable[str]) -> list[int]:
    """Lock those of the wallets that nobody else holds just now; the others are left for later."""
    with connection.cursor() as cursor:
        cursor.execute(_SKIP, [sorted(set(ids)), list(statuses)])
        return [pk for (pk,) in cursor.fetchall()]


def survivors(states: Mapping[int, WalletState]) -> dict[int, WalletState]:
    """The locked wallets by their own ids."""
    return {state.id: state for state in states.values()}
