"""A merge taken back, from the moves that the merge recorded."""

from __future__ import annotations

from django.db import connection, transaction

from loyalty_crm.kernel import outbox
from rewards.errors import MergeNotUndone, OpenHolds
from rewards.models import LedgerEntry, LedgerTx, LotMove, Wallet
from rewards.rules.purse import Move
from rewards.services.coupons import following
from rewards.services.ledger.award_balances import give_balances_back
from rewards.services.ledger.locks import lock_wallets
from rewards.services.ledger.merging import reason_of
from rewards.services.ledger.refusals import refuse_status
from rewards.services.ledger.values import Event, WalletState
from rewards.services.ledger.writing import draft_for
from rewards.services.tiers.merging import bring_back

# The survivor is locked by its own id, then the merged one: nobody else locks a merged wallet.
_LOCK_MERGED = "SELECT id FROM rewards_wallet WHERE id = %s FOR NO KEY UPDATE"


@transaction.atomic
def unmerge_wallets(*, source: Wallet, event: Event) -> Wallet:
    """Give a merged wallet back what it brought, lot by lot with its expiry; locks both.

    Only while all of it is still there: what was spent, expired or is held since is
    refused with ``missing``. What came after the merge (late sales of its card, for
    instance), remainders and counted uses of limits stay with the survivor. Coupons go
    back as far as the survivor still has them, and the survivor's tier becomes what it
    was, unless another decision about it came since. A merge that
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
    take_along(state, source, event)
    outbox.emit(
        "wallet.unmerged",
        object_type="wallet",
        object_id=str(source.public_id),
        data={"survivor": str(state.public_id), "amount": sum(part for _, part in parts)},
    )
    source.refresh_from_db()
    return source


def take_along(state: WalletState, source: Wallet, event: Event) -> None:
    """Stamps, plays and tickets, coupons with their counts, and the tier of before."""
    giver, taker = source.member_id, state.member_id
    if source.kind != Wallet.Kind.POINTS or giver is None or taker is None or giver == taker:
        return
    give_balances_back(wallet=source.pk, giver=giver, taker=taker)
    following.go_back(wallet=source.pk, programme=source.programme_id, giver=giver, taker=taker)
    bring_back(
        programme=source.programme_id,
        taker=taker,
        reference=reason_of(source.public_id),
        actor=event.actor,
    )


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
