"""A prize from the moment it is won to the moment it is in the member's hands, or back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.ids import uuid7
from members.models import Member, StockLevel, Store
from rewards.errors import PrizeState
from rewards.models import PrizeKind, PrizeWin, Programme
from rewards.services import gift_cards
from rewards.services.prizes.kinds import KINDS, Given, What

State = PrizeWin.State


@transaction.atomic
def give_prize(
    *,
    programme: Programme,
    member: Member,
    what: What,
    label: str,
    value_minor: int = 0,
    source: str,
    source_ref: str,
    detail: dict[str, Any] | None = None,
    at: datetime,
    actor: Actor,
) -> PrizeWin:
    """Give a prize, once for (source, source_ref); a repeat answers with the first.

    The caller holds a lock that keeps two of the same cause apart. Points lock the
    member's wallet: hold it before anything that other members wait for.
    """
    if known := PrizeWin.objects.filter(source=source, source_ref=source_ref).first():
        return known
    public_id, kind = uuid7(), KINDS[what.kind]
    made = kind.give(Given(programme, member, what, str(public_id), at, actor))
    win = PrizeWin.objects.create(
        public_id=public_id,
        member=member,
        kind=what.kind,
        code=what.code,
        amount=what.amount,
        label=label,
        value_minor=value_minor,
        state=State.DUE if kind.is_handed else State.GIVEN,
        source=source,
        source_ref=source_ref,
        detail={**(detail or {}), **made},
        won_at=at,
    )
    told: dict[str, object] = {"kind": win.kind, "amount": win.amount, "source": source}
    told["member"] = str(member.public_id)
    outbox.emit("prize.won", object_type="prize", object_id=str(public_id), data=told)
    return win


@transaction.atomic
def hand_over(
    *,
    win: PrizeWin,
    proof: str,
    store: Store | None = None,
    gift_card: str = "",
    actor: Actor,
) -> PrizeWin:
    """The prize is in the member's hands; ``proof`` says how that is known. Locks its row.

    A gift leaves the store's stock where it is counted. A gift card is named by its
    number, and worth the prize from now on. What is handed over already is refused.
    """
    if not proof.strip():
        raise ValidationFailed(_("A hand-over needs a proof."), pointer="/proof")
    held = _locked(win, State.DUE)
    if held.kind == PrizeKind.GIFT_CARD:
        card = gift_cards.by_number(gift_card)
        reference = f"prize:{held.public_id}"
        gift_cards.activate(card=card, amount=held.amount, source_ref=reference, actor=actor)
        held.detail["gift_card"] = str(card.public_id)
    if held.kind == PrizeKind.GIFT and store:
        _take_from_stock(held, store)
    held.state, held.proof, held.handed_at = State.HANDED, proof.strip(), clock.now()
    held.handed_by, held.handed_store = actor.label, store
    held.save(update_fields=["state", "proof", "handed_at", "handed_by", "handed_store", "detail"])
    _tell("prize.handed_over", held, actor, proof=proof)
    return held


def _take_from_stock(win: PrizeWin, store: Store) -> None:
    level = StockLevel.objects.filter(store=store, product__sku=win.code)
    if not level.exists():
        return
    enough = level.filter(quantity__gte=win.amount)
    if not enough.update(quantity=F("quantity") - win.amount, updated_at=clock.now()):
        raise PrizeState(_("This store has no piece of the gift left."), state="out_of_stock")


@transaction.atomic
def cancel_prize(*, win: PrizeWin, programme: Programme, reason: str, actor: Actor) -> PrizeWin:
    """Take a prize back: points leave, unused coupons end, a gift is no longer owed.

    Refused when it cannot come back: a used coupon, a gift card in somebody's hands.
    """
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    held = _locked(win, State.DUE, State.GIVEN, State.HANDED)
    KINDS[held.kind].take_back(held, programme, actor)
    held.state, held.reason = State.CANCELLED, reason.strip()
    held.save(update_fields=["state", "reason"])
    _tell("prize.cancelled", held, actor, reason=reason)
    return held


def _locked(win: PrizeWin, *allowed: PrizeWin.State) -> PrizeWin:
    held = PrizeWin.objects.select_for_update(no_key=True).get(pk=win.pk)
    if held.state not in allowed:
        raise PrizeState(state=held.state)
    return held


def _tell(event: str, win: PrizeWin, actor: Actor, *, reason: str = "", proof: str = "") -> None:
    outbox.emit(event, object_type="prize", object_id=str(win.public_id))
    audit.record(
        action=event,
        object_type="prize",
        object_id=str(win.public_id),
        after={"state": win.state, "source": win.source},
        reason=reason or proof,
        store=win.handed_store.code if win.handed_store else "",
        actor=actor,
    )
