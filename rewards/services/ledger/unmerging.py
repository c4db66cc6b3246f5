"""A merge taken back, from the moves that the merge recorded."""

from __future__ import annotations

from django.db import connection, transaction

from loyalty_crm.kernel import outbox
from rewards.errors import MergeNotUndone, OpenHolds
from rewards.models import LedgerEntry, LedgerTx, LotMove, Wallet
from rewards.rules.purse import Move
from rewards.services.ledger.locks import lock_wallets
from rewards.services.ledger.refusals import refuse_status
from rewards.services.ledger.values import Event, WalletState
from rewards.services.ledger.writing import draft_for

# The survivor is locked by its own id, then the merged one: nobody else locks a merged wallet.
_LOCK_MERGED = "SELECT id FROM rewards_wallet WHERE id = %s FOR NO KEY UPDATE"


@transaction.atomic
def unmerge_wallets(*, source: Wallet, event: Event) -> Wallet:
    """Give a merged wallet back what it brought, lot by lot with its expiry; locks both.

    Only while all of it is still there: what was spent, expired or is held since is
    refused with ``missing``. What came after the merge (late sales of its card, for
    instance), remainders and counted uses stay with the survivor. A merge that
    brought a debt is not taken back. A repeat of the event changes nothing.
    """
    state = lock_wallets([source.pk])[source.pk]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_MERGED, [source.pk])
    key = {"source": event.source, "source_ref": event.source_ref, "op": event.op}
    source.refresh_from_db()
    if LedgerTx.objects.filter(**key).exists():
        return source
    if source.status != Wallet.Status.MERGED or source.merged_into_id != state.id:
        raise MergeNotUndone(reason="not_merged")
    parts = brought(source)
    refuse_gone(state, parts)
    Wallet.objects.filter(pk=source.pk).update(status=Wallet.Status.ACTIVE, merged_into=None)
    if parts:
        give_back(state, source, parts, event)
    outbox.emit(
        "wallet.unmerged",
        object_type="wallet",
        object_id=str(source.public_id),
        data={"survivor": str(state.public_id), "amount": sum(part for _, part in parts)},
    )
    source.refresh_from_db()
    return source


def brought(source: Wallet) -> list[Move]:
    """What the last merge took out of the wallet, by lot; refused when it took a debt."""
    last = LedgerEntry.objects.filter(wallet=source, kind="clearing").order_by("-seq").first()
    # An empty wallet leaves no entry behind: then the merge moved nothing.
    if last is None or last.balance_after != 0:
        return []
    if last.amount > 0:
        raise MergeNotUndone(reason="debt")
    moves = LotMove.objects.filter(wallet=source, seq=last.seq).select_related("lot")
    return [(move.lot.expires_at, -move.amount) for move in moves.order_by("lot__expires_at")]


def refuse_gone(state: WalletState, parts: list[Move]) -> None:
    refuse_status(state.status)
    open_lots = draft_for([state]).purses[state.id].lots
    missing = sum(max(part - open_lots.get(expiry, 0), 0) for expiry, part in parts)
    if missing:
        raise MergeNotUndone(reason="spent", missing=missing)
    if sum(part for _, part in parts) > state.available:
        raise OpenHolds(held=state.held)


def give_back(state: WalletState, source: Wallet, parts: list[Move], event: Event) -> None:
    """Each part leaves the very lot it had entered."""
    giver = WalletState(
        source.pk, source.public_id, state.programme_id, source.member_id, state.unit,
        state.kind, "active", source.posted, source.held, source.debt_limit, source.last_seq,
    )  # fmt: skip
    draft = draft_for([state, giver])
    draft.event(event)
    for expiry, part in parts:
        draft.lose(state.id, "clearing", part, expiry)
    draft.gain(giver.id, "clearing", parts)
    draft.write()
