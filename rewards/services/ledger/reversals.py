"""Returns: pending points first, then the sale's own lot, other lots, debt, and write-off."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from rewards.models import Programme
from rewards.rules.expiry import NEVER, start_of
from rewards.rules.purse import Move, given_back
from rewards.services.ledger.locks import lock_wallet
from rewards.services.ledger.refusals import refusals, refuse_status
from rewards.services.ledger.values import Event, Reversal
from rewards.services.ledger.writing import Draft, draft_for

_CANCEL = """
    UPDATE rewards_pendinggrant p SET cancelled = p.cancelled + open.part
      FROM (SELECT id, least(amount - cancelled, %s) AS part FROM rewards_pendinggrant
             WHERE id = %s AND posted_tx_id IS NULL) open
     WHERE p.id = open.id AND open.part > 0 RETURNING open.part
"""
# Restored so far is counted in points, not by lot: some of them may have paid a debt.
_SPENT = """
    SELECT l.expires_at, -m.amount,
           (SELECT coalesce(sum(e.amount), 0)::bigint
              FROM rewards_ledgertx t JOIN rewards_ledgerentry e ON e.tx_id = t.id
             WHERE t.reverses_id = %(sold)s AND e.kind = 'restore')
      FROM rewards_ledgerentry e
      JOIN rewards_lotmove m ON (m.wallet_id, m.seq) = (e.wallet_id, e.seq)
      JOIN rewards_lot l ON l.id = m.lot_id
     WHERE e.tx_id = %(sold)s AND e.kind = 'redeem'
"""


def reverse_purchase(
    *,
    wallet_id: int,
    event: Event,
    restore: int,
    restore_of_tx: int | None,
    clawback: int,
    pending_id: int | None,
    sale_lot_expires_at: datetime | None,
    debt_policy: str,
    expired_on_restore: str,
    revive_days: int,
    now: datetime,
) -> Reversal:
    """Give spent points back to their lots, then take earned points back; locks the wallet.

    ``restore`` and ``clawback`` are the amounts of this return alone; earlier
    returns of the same sale are known through their entries. What can't be taken
    without going below the debt limit (policy "allow") or zero (policy "clip")
    is written off: adjusted upwards and clawed back in full, so that the books
    show who bears it. A known event is refused as ``source_ref_conflict``.
    """
    state = lock_wallet(wallet_id)
    if state.status != "frozen":
        refuse_status(state.status)
    draft = draft_for([state])
    from_pending = cancel_pending(pending_id, clawback)
    parts = parts_to_restore(restore_of_tx, restore) if restore else []
    parts = after_expiry(parts, expired_on_restore, revive_days, state.programme_id, now)
    if parts:
        draft.event(restoring(event, restore_of_tx))
        draft.gain(state.id, "restore", parts)
    if clawback and not (parts and event.reverses in (None, restore_of_tx)):
        draft.event(event)
    floor = -state.debt_limit if debt_policy == "allow" else 0
    written_off = claw_back(draft, state.id, clawback - from_pending, sale_lot_expires_at, floor)
    ids = draft.write()
    return Reversal(
        tx_id=ids[-1] if ids else None,
        from_pending=from_pending,
        clawed_back=clawback - from_pending - written_off,
        restored=sum(part for _, part in parts),
        written_off=written_off,
        balance_after=draft.purses[state.id].posted,
    )


def restoring(event: Event, sold_tx: int | None) -> Event:
    """The transaction that gives points back reverses the one that spent them.

    That is the sale itself, or the capture of its hold: then the return is two transactions.
    """
    if event.reverses in (None, sold_tx):
        return replace(event, reverses=sold_tx)
    return replace(event, op=f"{event.op}:restore", reverses=sold_tx)


def cancel_pending(pending_id: int | None, clawback: int) -> int:
    """Cancel what of the claw-back has not become active yet; return how much that was."""
    if not (pending_id and clawback):
        return 0
    with refusals(), connection.cursor() as cursor:
        cursor.execute(_CANCEL, [clawback, pending_id])
        row = cursor.fetchone()
    return row[0] if row else 0


def parts_to_restore(sold_tx: int | None, amount: int) -> list[Move]:
    """Which lots the points go back to, in reverse order of their consumption."""
    with connection.cursor() as cursor:
        cursor.execute(_SPENT, {"sold": sold_tx})
        rows = cursor.fetchall()
    already = rows[0][2] if rows else 0
    parts = given_back([(expires_at, spent) for expires_at, spent, _ in rows], already, amount)
    if sum(part for _, part in parts) != amount:
        raise ValueError(f"transaction {sold_tx} did not spend {already} + {amount} points")
    return parts


def after_expiry(
    parts: list[Move], policy: str, revive_days: int, programme_id: int, now: datetime
) -> list[Move]:
    """Points whose lot has expired meanwhile stay expired, or live again for some days."""
    alive = [part for part in parts if part[0] > now]
    expired = sum(amount for expiry, amount in parts if expiry <= now)
    if not expired or policy != "revive":
        return alive
    zone = ZoneInfo(Programme.objects.values_list("time_zone", flat=True).get(pk=programme_id))
    last_day = now.astimezone(zone).date() + timedelta(days=revive_days)
    return [*alive, (start_of(last_day + timedelta(days=1), zone), expired)]


def claw_back(draft: Draft, wallet_id: int, amount: int, first: datetime | None, floor: int) -> int:
    """Take points back down to the floor; return what had to be written off."""
    written_off = max(0, amount - max(0, draft.purses[wallet_id].posted - floor))
    draft.gain(wallet_id, "adjust", [(first or NEVER, written_off)])
    draft.lose(wallet_id, "clawback", amount, first)
    return written_off
