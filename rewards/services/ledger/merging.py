"""Two wallets become one."""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction

from loyalty_crm.kernel import outbox
from rewards.errors import OpenHolds, WalletMerged, WalletsDiffer
from rewards.models import LedgerTx, Wallet
from rewards.services.coupons import following
from rewards.services.ledger.award_balances import bring_balances
from rewards.services.ledger.locks import lock_wallets
from rewards.services.ledger.refusals import refuse_status
from rewards.services.ledger.values import Event, WalletState
from rewards.services.ledger.writing import Draft, draft_for
from rewards.services.limits import counters
from rewards.services.tiers.merging import keep_better

_CARRIES = """
    INSERT INTO rewards_earncarry (wallet_id, version_id, units)
    SELECT %s, version_id, units FROM rewards_earncarry WHERE wallet_id = %s ORDER BY version_id
    ON CONFLICT (wallet_id, version_id)
    DO UPDATE SET units = rewards_earncarry.units + EXCLUDED.units
"""


@transaction.atomic
def merge_wallets(*, source: Wallet, survivor: Wallet, event: Event) -> Wallet:
    """Move all points to the survivor, lot by lot with their expiry; locks both by id.

    Debt moves as well, and the survivor may then be as deep in debt as it takes.
    The source stays as an empty wallet that points to the survivor: late sales
    and returns follow it. A repeat of the event changes nothing; wallets that
    are one already are refused. The giver's coupons and counted uses go along, and
    of two tiers the better one stays.
    """
    states = lock_wallets([source.pk, survivor.pk])
    giver, taker = states[source.pk], states[survivor.pk]
    if LedgerTx.objects.filter(
        source=event.source, source_ref=event.source_ref, op=event.op
    ).exists():
        return Wallet.objects.get(pk=taker.id)
    refuse_merge(giver, taker)
    draft = draft_for([giver, taker])
    if giver.posted:
        draft.event(event)
        move_everything(draft, giver, taker)
        draft.write()
    with connection.cursor() as cursor:
        cursor.execute(_CARRIES, [taker.id, giver.id])
    counters.merge(giver.id, taker.id)
    bring_along(giver, taker, event)
    Wallet.objects.filter(pk=giver.id).update(status=Wallet.Status.MERGED, merged_into=taker.id)
    outbox.emit(
        "wallet.merged",
        object_type="wallet",
        object_id=str(giver.public_id),
        version=draft.last_seq[giver.id],
        data={"survivor": str(taker.public_id), "amount": giver.posted},
    )
    return Wallet.objects.get(pk=taker.id)


def bring_along(giver: WalletState, taker: WalletState, event: Event) -> None:
    """What belongs to the members of the programme besides points: coupons, stamps, tiers."""
    who = (giver.member_id, taker.member_id)
    if giver.kind != Wallet.Kind.POINTS or None in who or who[0] == who[1]:
        return
    assert giver.member_id is not None
    assert taker.member_id is not None
    members = {"giver": giver.member_id, "taker": taker.member_id}
    following.follow(wallet=giver.id, programme=giver.programme_id, **members)
    bring_balances(wallet=giver.id, **members)
    keep_better(
        programme=giver.programme_id,
        reference=reason_of(giver.public_id),
        actor=event.actor,
        **members,
    )


def reason_of(wallet: UUID) -> str:
    """By this a later un-merge finds what the merge decided."""
    return f"merge of {wallet}"


def refuse_merge(giver: WalletState, taker: WalletState) -> None:
    if giver.id == taker.id:
        raise WalletMerged(survivor=str(taker.public_id))
    if giver.unit != taker.unit:
        raise WalletsDiffer
    refuse_status(giver.status)
    refuse_status(taker.status)
    if giver.held or counters.held_by(giver.id):
        raise OpenHolds(held=giver.held)


def move_everything(draft: Draft, giver: WalletState, taker: WalletState) -> None:
    """One clearing pair; a debt moves the other way round."""
    if giver.posted > 0:
        moves = draft.lose(giver.id, "clearing", giver.posted)
        draft.gain(taker.id, "clearing", [(expiry, -amount) for expiry, amount in moves])
        return
    debt = -giver.posted
    deepest = max(taker.debt_limit, debt - taker.posted)
    Wallet.objects.filter(pk=taker.id).update(debt_limit=deepest)
    draft.settle(giver.id, "clearing", debt)
    draft.lose(taker.id, "clearing", debt)
