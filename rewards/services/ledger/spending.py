"""Points spent on something that is no sale, and given back to the lots they came from."""

from __future__ import annotations

from datetime import datetime

from rewards.models import Programme
from rewards.services.ledger.refusals import refuse_shortage, refuse_status
from rewards.services.ledger.reversals import after_expiry, parts_to_restore
from rewards.services.ledger.values import Event, WalletState
from rewards.services.ledger.writing import draft_for


def spend_points(*, wallet: WalletState, points: int, event: Event) -> int:
    """Take points, nearest expiry first; the id of the transaction.

    The caller has locked the wallet. Held points are not touched. A known event is
    refused as ``source_ref_conflict``.
    """
    refuse_status(wallet.status)
    refuse_shortage(wallet.available, points)
    draft = draft_for([wallet])
    draft.event(event)
    draft.lose(wallet.id, "redeem", points)
    (tx_id,) = draft.write()
    return tx_id


def give_points_back(
    *,
    wallet: WalletState,
    tx_id: int,
    points: int,
    event: Event,
    programme: Programme,
    now: datetime,
) -> int | None:
    """Undo ``spend_points``: each point returns to its own lot, with the expiry it had.

    What has expired meanwhile is lost or lives again, as the programme says. The id
    of the transaction, None when nothing came back. The caller has locked the wallet.
    """
    refuse_status(wallet.status)
    parts = after_expiry(
        parts_to_restore(tx_id, points),
        programme.expired_on_restore,
        programme.revive_days,
        programme.pk,
        now,
    )
    if not parts:
        return None
    draft = draft_for([wallet])
    draft.event(event)
    draft.gain(wallet.id, "restore", parts)
    (restored,) = draft.write()
    return restored
