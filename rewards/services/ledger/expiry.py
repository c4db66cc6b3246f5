"""Points that lapse: lots past their day, and all lots of those who stay away.

Each batch is a short transaction of its own over at most 200 wallets. A till
never waits for it: wallets in use are left for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction

from rewards.models import Programme
from rewards.rules.expiry import NEVER
from rewards.services.ledger.locks import lock_free_wallets
from rewards.services.ledger.values import Expired

BATCH = 200

_DUE = """
    SELECT expires_at, id, wallet_id FROM rewards_lot
     WHERE remaining > 0 AND expires_at <= %s AND (expires_at, id) > (%s, %s)
     ORDER BY expires_at, id LIMIT %s
"""
_AWAY = """
    SELECT id FROM rewards_wallet
     WHERE programme_id = %s AND kind = 'points' AND posted > held AND id > %s
       AND coalesce(last_activity_at, created_at) <= %s
     ORDER BY id LIMIT %s
"""
# What is held stays: of one wallet's due lots at most posted - held is taken, in order.
_EXPIRE = """
WITH due AS MATERIALIZED (
    SELECT l.id AS lot_id, l.wallet_id, l.expires_at, l.id || ':' || %(day)s AS source_ref,
           least(l.remaining, w.posted - w.held - l.before) AS amount, w.posted, w.last_seq
      FROM (SELECT id, wallet_id, expires_at, remaining, sum(remaining)
                   OVER (PARTITION BY wallet_id ORDER BY expires_at, id) - remaining AS before
              FROM rewards_lot
             WHERE wallet_id = ANY(%(wallets)s) AND remaining > 0 AND expires_at <= %(until)s) l
      JOIN rewards_wallet w ON w.id = l.wallet_id
     WHERE w.posted - w.held > l.before
), tx AS (
    INSERT INTO rewards_ledgertx (op, source, source_ref, effective_at, actor)
    SELECT 'expire', 'expiry', source_ref, least(expires_at, %(as_of)s), 'system:expiry' FROM due
    ON CONFLICT (source, source_ref, op) DO NOTHING
    RETURNING id, source_ref
), taken AS MATERIALIZED (
    SELECT due.wallet_id, due.lot_id, due.amount, tx.id AS tx_id,
           last_seq + row_number() OVER wallet AS seq, posted - sum(amount) OVER wallet AS balance
      FROM due JOIN tx USING (source_ref)
    WINDOW wallet AS (PARTITION BY wallet_id ORDER BY expires_at, lot_id)
), entry AS (
    INSERT INTO rewards_ledgerentry (wallet_id, seq, tx_id, kind, contra, amount, balance_after)
    SELECT wallet_id, seq, tx_id, 'expire', 'breakage', -amount, balance FROM taken
), moved AS (
    INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount)
    SELECT wallet_id, seq, lot_id, -amount FROM taken
), announced AS (
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, version, data)
    SELECT w.kind || '.expired', 'wallet', w.public_id, t.seq,
           jsonb_build_object('amount', -t.amount, 'balance', t.balance)
      FROM (SELECT wallet_id, max(seq) AS seq, sum(amount) AS amount, min(balance) AS balance
              FROM taken GROUP BY wallet_id) t
      JOIN rewards_wallet w ON w.id = t.wallet_id
)
SELECT count(DISTINCT wallet_id), count(*), coalesce(sum(amount), 0)::bigint FROM taken
"""


def expire_lots(*, as_of: datetime, limit: int | None = None) -> Expired:
    """Take the lots that are past their day; return what was taken.

    Call it outside of a transaction. Any number of runs may go side by side or
    be killed: a lot expires once a day of ``as_of``, and a repeat finds nothing.
    Held points stay until a later day. ``limit`` bounds the wallets looked at.
    """
    return in_batches(due_wallets(as_of, limit), lambda ids: expire(ids, until=as_of, as_of=as_of))


def expire_inactive(*, as_of: datetime, limit: int | None = None) -> Expired:
    """Take all points of wallets without a purchase for as long as their programme allows."""
    programmes = Programme.objects.filter(expiry=Programme.Expiry.INACTIVITY)
    total = Expired()
    for programme in programmes:
        away = away_wallets(programme, as_of, limit)
        total += in_batches(away, lambda ids: expire(ids, until=NEVER, as_of=as_of))
    return total


def in_batches(pages: Iterator[list[int]], work: Callable[[list[int]], Expired]) -> Expired:
    return sum(map(work, pages), Expired())


def due_wallets(as_of: datetime, limit: int | None) -> Iterator[list[int]]:
    """Pages of wallets with due lots, along the index of due lots.

    Behind the cursor nothing is looked at twice, so a wallet whose points are
    all held can't stop the rest.
    """
    after, seen = (datetime.min.replace(year=1000, tzinfo=as_of.tzinfo), 0), 0
    while limit is None or seen < limit:
        with connection.cursor() as cursor:
            cursor.execute(
                _DUE, [as_of, *after, BATCH if limit is None else min(BATCH, limit - seen)]
            )
            rows = cursor.fetchall()
        if not rows:
            return
        after = (rows[-1][0], rows[-1][1])
        seen += len(rows)
        yield [wallet_id for _, _, wallet_id in rows]


def away_wallets(programme: Programme, as_of: datetime, limit: int | None) -> Iterator[list[int]]:
    last_chance = as_of - timedelta(days=programme.expiry_days)
    after, seen = 0, 0
    while limit is None or seen < limit:
        with connection.cursor() as cursor:
            cursor.execute(_AWAY, [programme.pk, after, last_chance, BATCH])
            ids = [pk for (pk,) in cursor.fetchall()]
        if not ids:
            return
        after = ids[-1]
        seen += len(ids)
        yield ids


@transaction.atomic
def expire(wallet_ids: list[int], *, until: datetime, as_of: datetime) -> Expired:
    """Expire the lots of those wallets that nobody uses just now, in one statement."""
    with connection.cursor() as cursor:
        # A crash may lose the last commits of this job: the next run does them again.
        cursor.execute("SET LOCAL synchronous_commit TO off")
    locked = lock_free_wallets(wallet_ids, ["active", "frozen"])
    if not locked:
        return Expired()
    with connection.cursor() as cursor:
        day = as_of.date().isoformat()
        cursor.execute(_EXPIRE, {"wallets": locked, "until": until, "as_of": as_of, "day": day})
        return Expired(*cursor.fetchone())
