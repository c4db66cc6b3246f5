"""A member takes a reward: points, limits, stock and what is given, in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict
from loyalty_crm.kernel.ids import uuid7
from members.models import Member, Store
from rewards.errors import RewardUnavailable
from rewards.models import AffordableReward, Redemption, Reward
from rewards.rules.availability import Lack
from rewards.services.catalogue import stock
from rewards.services.catalogue.shelf import lacks_of
from rewards.services.catalogue.words import sentence
from rewards.services.ledger import Event, WalletState, lock_wallet, wallet_for
from rewards.services.ledger.refusals import refuse_shortage, refuse_status
from rewards.services.ledger.spending import spend_points
from rewards.services.redemptions.codes import digest_of
from rewards.services.redemptions.giving import give

State = Redemption.State


@transaction.atomic
def redeem(
    *,
    reward: Reward,
    member: Member,
    store: Store | None = None,
    source: str,
    source_ref: str,
    now: datetime,
    actor: Actor,
) -> Redemption:
    """Pay a reward with points and set it aside, or give it at once where nobody has to hand it.

    Locks the wallet, under which limits are counted; stock is claimed last. A repeat
    of (source, source_ref) returns the first redemption, for another member or
    reward it is refused. Refused: ``InsufficientPoints``, ``RewardUnavailable`` with
    its reasons.
    """
    wallet = lock_wallet(wallet_for(member.pk, reward.programme).pk)
    if known := Redemption.objects.shown().filter(source=source, source_ref=source_ref).first():
        return _same(known, reward, member)
    reward = Reward.objects.with_parts().get(pk=reward.pk)
    _refuse_lacking(reward, member, store, wallet, now)
    redemption = _write(reward, member, store, wallet, source, source_ref, now, actor)
    at_once = redemption.state == State.RESERVED and not reward.is_handed_over
    if at_once:
        give(redemption, now=now, actor=actor)
    stock.claim(redemption, at_once=at_once)
    if at_once:
        redemption.state, redemption.ended_at = State.FULFILLED, now
        redemption.save(update_fields=["state", "ended_at", "issued"])
    AffordableReward.objects.filter(member=member, reward=reward).delete()
    tell("reward.redeemed", redemption, actor)
    return redemption


def _refuse_lacking(
    reward: Reward, member: Member, store: Store | None, wallet: WalletState, now: datetime
) -> None:
    missing = lacks_of(reward=reward, member=member, store=store, wallet=wallet, now=now)
    others = [lack for lack in missing if lack.code not in ("points", "wallet")]
    if reward.stores and store is None:
        others.insert(0, Lack(code="other_stores", params={"stores": sorted(reward.stores)}))
    if reward.stock_mode == Reward.Stock.WAREHOUSE and store is None:
        others.insert(0, Lack(code="no_store"))
    if others:
        text = sentence(others[0], reward.programme)
        raise RewardUnavailable(text, reasons=[lack.code for lack in others])
    refuse_status(wallet.status)
    refuse_shortage(wallet.available, reward.price_points)


def _write(
    reward: Reward,
    member: Member,
    store: Store | None,
    wallet: WalletState,
    source: str,
    source_ref: str,
    now: datetime,
    actor: Actor,
) -> Redemption:
    public_id = uuid7()
    event = Event("reward", "redemption", str(public_id), now, actor.label, reward.code)
    tx_id = spend_points(wallet=wallet, points=reward.price_points, event=event)
    return Redemption.objects.create(
        public_id=public_id,
        reward=reward,
        member=member,
        wallet_id=wallet.id,
        store=store,
        state=State.REQUESTED if reward.needs_confirmation else State.RESERVED,
        points=reward.price_points,
        money_minor=reward.price_money_minor,
        tx_id=tx_id,
        stock=stock.row_for(reward, store),
        stock_level=stock.level_for(reward, store),
        digest=digest_of(public_id),
        issued=pinned(reward),
        source=source,
        source_ref=source_ref,
        requested_at=now,
        reserved_until=now + timedelta(days=reward.reserve_days),
        actor=actor.label,
    )


def pinned(reward: Reward) -> dict[str, object]:
    """What the reward gives now: it may be worded anew before this one is taken back."""
    return {
        "quantity": reward.quantity,
        "value_minor": reward.value_minor,
        "award_code": reward.award_code,
    }


def _same(known: Redemption, reward: Reward, member: Member) -> Redemption:
    if (known.reward_id, known.member_id) != (reward.pk, member.pk):
        raise SourceRefConflict(source_ref=known.source_ref)
    return known


def tell(event: str, redemption: Redemption, actor: Actor, reason: str = "") -> None:
    """The event and the trail of one step."""
    said: dict[str, object] = {
        "reward": redemption.reward.code,
        "state": redemption.state,
        "points": redemption.points,
    }
    public_id = str(redemption.public_id)
    outbox.emit(event, object_type="redemption", object_id=public_id, data=said)
    audit.record(
        action=event,
        object_type="redemption",
        object_id=public_id,
        after=said,
        reason=reason,
        store=redemption.store.code if redemption.store else "",
        actor=actor,
    )
