"""Many postings at once: imports and offline batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.db import connection

from rewards.services.ledger.locks import lock_wallets, survivors
from rewards.services.ledger.refusals import refusals
from rewards.services.ledger.reversals import claw_back
from rewards.services.ledger.values import Earn, PostedMany
from rewards.services.ledger.writing import Draft, draft_for

MOST_ENTRIES_PER_WALLET = 500

_KNOWN = """
    SELECT e.source, e.source_ref, e.op
      FROM unnest(%s::text[], %s::text[], %s::text[]) AS e (source, source_ref, op)
     CROSS JOIN LATERAL (SELECT FROM rewards_ledgertx t
                          WHERE (t.source, t.source_ref, t.op) = (e.source, e.source_ref, e.op)
                         OFFSET 0) t
"""
_TOUCH = """
    UPDATE rewards_wallet w SET last_activity_at = greatest(w.last_activity_at, e.at)
      FROM (SELECT id, max(at) AS at FROM unnest(%s::bigint[], %s::timestamptz[]) AS e (id, at)
             GROUP BY id) e
     WHERE w.id = e.id
"""
_PENDING = """
    INSERT INTO rewards_pendinggrant (wallet_id, tx_id, amount, available_at, expires_at)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
                         %s::timestamptz[])
    RETURNING tx_id, id
"""


def post_many(earns: Sequence[Earn], *, announce: bool = True) -> PostedMany:
    """Post the rows wallet by wallet in the order of their time; locks all the wallets.

    Call it inside a transaction. Events that are known, or stand twice in the
    batch, are skipped and reported. A negative row takes points back from the
    lot of its expiry, then from the others, then into debt down to the wallet's
    limit; the rest is written off. More than 500 rows of one wallet are refused:
    a long transaction would keep its till waiting.
    """
    refuse_long(earns)
    states = lock_wallets(earn.wallet_id for earn in earns)
    fresh = unknown(earns)
    draft = draft_for(list(survivors(states).values()))
    order = sorted(fresh, key=lambda no: (earns[no].event.effective_at, no))
    for no in order:
        add(
            draft, states[earns[no].wallet_id].id, states[earns[no].wallet_id].debt_limit, earns[no]
        )
    ids = dict(zip(order, draft.write(announce=announce), strict=True))
    touch([(states[earns[no].wallet_id].id, earns[no]) for no in order if earns[no].amount > 0])
    pending = write_pending(
        [(ids[no], states[e.wallet_id].id, e) for no, e in promised(order, earns)]
    )
    return PostedMany(
        tx_ids=[ids.get(no) for no in range(len(earns))],
        pending_ids=[pending.get(ids.get(no, 0)) for no in range(len(earns))],
        skipped=sorted(set(range(len(earns))) - set(fresh)),
    )


def refuse_long(earns: Sequence[Earn]) -> None:
    counted = Counter(earn.wallet_id for earn in earns)
    if counted and max(counted.values()) > MOST_ENTRIES_PER_WALLET:
        raise ValueError(f"more than {MOST_ENTRIES_PER_WALLET} rows of one wallet in one batch")


def unknown(earns: Sequence[Earn]) -> list[int]:
    """Positions of rows that move something, are not posted yet and come first under their key."""
    keys = [earn.event.key for earn in earns]
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(column) for column in zip(*keys, strict=True)] or [[], [], []])
        seen = set(cursor.fetchall())
    fresh = []
    for no, key in enumerate(keys):
        if key not in seen and earns[no].amount:
            fresh.append(no)
        seen.add(key)
    return fresh


def add(draft: Draft, wallet_id: int, debt_limit: int, earn: Earn) -> None:
    draft.event(earn.event)
    if earn.amount < 0:
        claw_back(draft, wallet_id, -earn.amount, earn.expires_at, -debt_limit)
    elif earn.available_at is None:
        draft.gain(wallet_id, "earn", [(earn.expires_at, earn.amount)])


def touch(rows: Sequence[tuple[int, Earn]]) -> None:
    with connection.cursor() as cursor:
        ids, moments = [pk for pk, _ in rows], [earn.event.effective_at for _, earn in rows]
        cursor.execute(_TOUCH, [ids, moments])


def promised(order: Sequence[int], earns: Sequence[Earn]) -> list[tuple[int, Earn]]:
    return [(no, earns[no]) for no in order if earns[no].amount > 0 and earns[no].available_at]


def write_pending(rows: Sequence[tuple[int, int, Earn]]) -> dict[int, int]:
    """Promise points that are not active yet; the ids of the promises by transaction."""
    if not rows:
        return {}
    columns = zip(
        *((wallet, tx, e.amount, e.available_at, e.expires_at) for tx, wallet, e in rows),
        strict=True,
    )
    with refusals(), connection.cursor() as cursor:
        cursor.execute(_PENDING, [list(column) for column in columns])
        return dict(cursor.fetchall())
