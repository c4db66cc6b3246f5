"""Holds: value set aside for a payment, then captured, released or expired. Once, by a key.

Whether a hold is over is decided by the database's clock, in SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from loyalty_crm.kernel.errors import SourceRefConflict
from rewards.errors import CaptureExceedsHold, HoldExpired, HoldResolved
from rewards.models import Hold, HoldResolution, LedgerTx, Wallet
from rewards.services.ledger.locks import lock_free_wallets, lock_wallet
from rewards.services.ledger.refusals import refusals, refuse_shortage, refuse_status
from rewards.services.ledger.values import Captured, Event, WalletState
from rewards.services.ledger.writing import draft_for

_PLACE = """
WITH tx AS (
    INSERT INTO rewards_ledgertx (op, source, source_ref, effective_at, actor)
    VALUES ('hold', %(source)s, %(source_ref)s, clock_timestamp(), %(actor)s)
    RETURNING id, public_id
), hold AS (
    INSERT INTO rewards_hold (wallet_id, tx_id, amount, expires_at)
    SELECT %(wallet)s, id, %(amount)s, clock_timestamp() + %(ttl)s FROM tx
    RETURNING id, public_id, amount
), announced AS (
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, version, data)
    SELECT w.kind || '.held', 'wallet', w.public_id, w.last_seq,
           jsonb_build_object('tx', tx.public_id, 'hold', hold.public_id, 'amount', hold.amount)
      FROM tx, hold, rewards_wallet w WHERE w.id = %(wallet)s
)
SELECT id FROM hold
"""
_STATE = """
    SELECT h.amount, h.expires_at <= clock_timestamp(), r.outcome
      FROM rewards_hold h LEFT JOIN rewards_holdresolution r ON r.hold_id = h.id WHERE h.id = %s
"""
# Found through the few wallets that hold something, not through all holds there ever were.
_DUE = """
    SELECT h.wallet_id, h.id, h.public_id, h.expires_at
      FROM rewards_wallet w JOIN rewards_hold h ON h.wallet_id = w.id
     WHERE w.held > 0 AND h.expires_at <= clock_timestamp()
       AND (%(wallets)s::bigint[] IS NULL OR w.id = ANY(%(wallets)s))
       AND NOT EXISTS (SELECT FROM rewards_holdresolution r WHERE r.hold_id = h.id)
     ORDER BY w.id, h.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class HoldState:
    """A hold under its wallet's lock."""

    amount: int
    is_late: bool
    outcome: str | None


@transaction.atomic
def place_hold(
    *, wallet: Wallet, amount: int, ttl: timedelta, source: str, source_ref: str, actor: Actor
) -> Hold:
    """Set points aside; locks the wallet.

    A repeat of the reference returns the first hold, whatever became of it; for
    another wallet or amount it is refused.
    """
    state = lock_wallet(wallet.pk)
    if known := Hold.objects.filter(tx__source=source, tx__source_ref=source_ref).first():
        if (known.wallet_id, known.amount) != (state.id, amount):
            raise SourceRefConflict(source_ref=source_ref)
        return known
    refuse_status(state.status)
    refuse_shortage(state.available, amount)
    values: dict[str, Any] = {
        "wallet": state.id,
        "amount": amount,
        "ttl": ttl,
        "source": source,
        "source_ref": source_ref,
        "actor": actor.label,
    }
    with refusals(), connection.cursor() as cursor:
        cursor.execute(_PLACE, values)
        return Hold.objects.get(pk=cursor.fetchone()[0])


@transaction.atomic
def capture_hold(
    *,
    hold: Hold,
    amount: int,
    source: str,
    source_ref: str,
    effective_at: datetime,
    allow_reauth: bool = False,
    actor: Actor,
) -> Captured:
    """Spend up to what was held and free the rest; locks the wallet.

    The lots are chosen now, nearest expiry first. A hold that has expired is
    refused, or with ``allow_reauth`` spent afresh if the points are still there.
    A repeat of the reference returns the first capture.
    """
    state = lock_wallet(hold.wallet_id)
    if known := LedgerTx.objects.filter(source=source, source_ref=source_ref, op="capture").first():
        return first_capture(known, state, amount)
    refuse_status(state.status)
    found = hold_state(hold)
    if amount > found.amount:
        raise CaptureExceedsHold(held=found.amount, requested=amount)
    refuse_ended(found, allow_reauth)
    own = 0 if found.outcome else found.amount
    refuse_shortage(state.available + own, amount)
    draft = draft_for([state])
    draft.event(Event("capture", source, source_ref, effective_at, actor.label))
    if not found.outcome:
        draft.resolve(hold.pk, *(("expired",) if found.is_late else ("captured", amount)))
    draft.lose(state.id, "redeem", amount)
    (tx_id,) = draft.write()
    return Captured(tx_id, amount, draft.purses[state.id].posted, state.held - own)


def first_capture(known: LedgerTx, state: WalletState, amount: int) -> Captured:
    entry = known.entries.filter(wallet_id=state.id, amount=-amount).first()
    if entry is None:
        raise SourceRefConflict(source_ref=known.source_ref)
    return Captured(known.pk, amount, entry.balance_after, state.held)


def refuse_ended(found: HoldState, allow_reauth: bool) -> None:
    if found.outcome and found.outcome != HoldResolution.Outcome.EXPIRED:
        raise HoldResolved(outcome=found.outcome)
    if (found.outcome or found.is_late) and not allow_reauth:
        raise HoldExpired


@transaction.atomic
def void_hold(*, hold: Hold, reason: str = "", actor: Actor) -> None:
    """Free what was held; locks the wallet. Voiding twice is the same as once."""
    lock_wallet(hold.wallet_id)
    found = hold_state(hold)
    if found.outcome == HoldResolution.Outcome.VOIDED:
        return
    if found.outcome:
        raise HoldResolved(outcome=found.outcome)
    draft = draft_for([])
    draft.event(Event("void", "hold", str(hold.public_id), clock.now(), actor.label, reason))
    draft.resolve(hold.pk, HoldResolution.Outcome.VOIDED)
    draft.write()
    if reason:
        audit.record(
            action="hold.void",
            object_type="hold",
            object_id=str(hold.public_id),
            after={"amount": found.amount},
            reason=reason,
            actor=actor,
        )


def hold_state(hold: Hold) -> HoldState:
    with connection.cursor() as cursor:
        cursor.execute(_STATE, [hold.pk])
        return HoldState(*cursor.fetchone())


@transaction.atomic
def expire_due_holds(limit: int = 200) -> int:
    """Free up to ``limit`` holds that are over; return how many.

    Wallets in use at the moment are left for the next run: a till never waits for this.
    """
    wallets = {wallet_id for wallet_id, *_ in due_holds(None, limit)}
    locked = lock_free_wallets(wallets, ["active", "frozen"])
    draft = draft_for([])
    # Asked again under the locks: a till may have captured one a moment ago.
    due = due_holds(locked, limit)
    for _, hold_id, public_id, expires_at in due:
        draft.event(Event("expire", "hold", str(public_id), expires_at, SYSTEM.label))
        draft.resolve(hold_id, HoldResolution.Outcome.EXPIRED)
    draft.write()
    return len(due)


def due_holds(wallets: list[int] | None, limit: int) -> list[tuple[int, int, object, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"wallets": wallets, "limit": limit})
        return list(cursor.fetchall())
