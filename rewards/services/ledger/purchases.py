"""What a sale does to its wallet: one statement, whatever the wallet's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_crm.kernel.database import planned_cursor
from loyalty_crm.kernel.errors import SourceRefConflict
from rewards.rules.expiry import NEVER
from rewards.services.ledger.refusals import refusals, refuse_shortage, refuse_status
from rewards.services.ledger.values import Event, Posted

# A part that may not happen selects no row. The entries claim the places and balances that
# follow from the wallet; the lots move last, when the entries know what is in lots.
_POST = """
WITH wallet AS (
    UPDATE rewards_wallet SET last_activity_at = greatest(last_activity_at, %(effective_at)s)
     WHERE id = %(wallet)s RETURNING id, public_id, kind, status, posted, held, last_seq
), tx AS (
    INSERT INTO rewards_ledgertx
           (op, source, source_ref, reverses_id, reason, effective_at, actor)
    SELECT %(op)s, %(source)s, %(source_ref)s, %(reverses)s::bigint, %(reason)s,
           %(effective_at)s, %(actor)s
      FROM wallet WHERE status = 'active' AND %(moves)s
                    AND (%(redeem)s = 0 OR posted - held >= %(redeem)s)
    ON CONFLICT (source, source_ref, op) DO NOTHING
    RETURNING id, public_id
), spend AS (
    SELECT id, least(remaining, %(redeem)s - before) AS amount
      FROM (SELECT id, remaining,
                   sum(remaining) OVER (ORDER BY expires_at, id) - remaining AS before
              FROM rewards_lot
             WHERE wallet_id = %(wallet)s AND remaining > 0 AND %(redeem)s > 0) l
     WHERE before < %(redeem)s
), entry AS (
    INSERT INTO rewards_ledgerentry (wallet_id, seq, tx_id, kind, contra, amount, balance_after)
    SELECT wallet.id, wallet.last_seq + row_number() OVER (ORDER BY e.no), tx.id, e.kind, e.contra,
           e.amount, wallet.posted + sum(e.amount) OVER (ORDER BY e.no)
      FROM wallet, tx, (VALUES (1, 'redeem', 'redemption', -%(redeem)s::bigint),
                               (2, 'earn', 'issuance', %(earn)s::bigint))
                       AS e (no, kind, contra, amount)
     WHERE e.amount <> 0
    RETURNING seq, kind, amount, balance_after, ledger_explained(balance_after, amount) AS in_lots
), bucket AS (
    INSERT INTO rewards_lot (wallet_id, expires_at)
    SELECT %(wallet)s, %(earn_expires_at)s FROM entry WHERE kind = 'earn' AND in_lots > 0
    ON CONFLICT DO NOTHING RETURNING id
), moved AS (
    INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount)
    SELECT %(wallet)s, entry.seq, spend.id, -spend.amount
      FROM entry, spend WHERE entry.kind = 'redeem'
    UNION ALL
    SELECT %(wallet)s, seq, coalesce((SELECT id FROM bucket),
               (SELECT id FROM rewards_lot
                 WHERE wallet_id = %(wallet)s AND expires_at = %(earn_expires_at)s)), in_lots
      FROM entry WHERE kind = 'earn' AND in_lots > 0
), pending AS (
    INSERT INTO rewards_pendinggrant (wallet_id, tx_id, amount, available_at, expires_at)
    SELECT %(wallet)s, id, %(pending)s, %(available_at)s, %(pending_expires_at)s
      FROM tx WHERE %(pending)s > 0
    RETURNING id, amount
), announced AS (
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, version, data)
    SELECT wallet.kind || CASE entry.kind WHEN 'earn' THEN '.earned' ELSE '.spent' END, 'wallet',
           wallet.public_id, entry.seq, jsonb_build_object(
               'tx', tx.public_id, 'amount', entry.amount, 'balance', entry.balance_after)
      FROM wallet, tx, entry
    UNION ALL
    SELECT wallet.kind || '.pending', 'wallet', wallet.public_id, wallet.last_seq,
           jsonb_build_object('tx', tx.public_id, 'amount', pending.amount,
                              'available_at', %(available_at)s)
      FROM wallet, tx, pending
)
SELECT wallet.status, wallet.posted - wallet.held, tx.id,
       coalesce((SELECT balance_after FROM entry ORDER BY seq DESC LIMIT 1), wallet.posted),
       wallet.held, (SELECT id FROM pending)
  FROM wallet LEFT JOIN tx ON true
"""


def post_purchase(
    *,
    wallet_id: int,
    event: Event,
    earn: int,
    earn_expires_at: datetime | None,
    redeem: int,
    pending: tuple[int, datetime, datetime] | None = None,
) -> Posted:
    """Spend, earn and promise points for one sale, in this order.

    Call it under the wallet's lock (``lock_wallets``): the lots to spend are
    chosen from what this statement sees. ``pending`` is (amount, available_at,
    expires_at). Points that are due and not yet expired by the night job can
    still be spent. A known event is refused as ``source_ref_conflict``; a
    repeat is for the caller's idempotency to answer.
    """
    promised, available_at, pending_expires_at = pending or (0, None, None)
    moves = bool(earn or redeem or promised)
    values: dict[str, Any] = {
        "wallet": wallet_id,
        "op": event.op,
        "source": event.source,
        "source_ref": event.source_ref,
        "reverses": event.reverses,
        "reason": event.reason,
        "effective_at": event.effective_at,
        "actor": event.actor,
        "earn": earn,
        "earn_expires_at": earn_expires_at or NEVER,
        "redeem": redeem,
        "pending": promised,
        "available_at": available_at or NEVER,
        "pending_expires_at": pending_expires_at or NEVER,
        "moves": moves,
    }
    with refusals(), planned_cursor() as cursor:
        cursor.execute(_POST, values)
        status, available, tx_id, balance_after, held, pending_id = cursor.fetchone()
    if tx_id is None and moves:
        refuse_status(status)
        refuse_shortage(max(available, 0), redeem)
        raise SourceRefConflict(source_ref=event.source_ref)
    return Posted(tx_id, balance_after, held, pending_id)
