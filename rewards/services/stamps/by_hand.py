"""Stamps by hand: a reason, a limit for the day, and above a number a second person."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from members.models import Member, Store
from rewards.errors import OwnApproval, StampLimit, StampProgrammeOff, StampState
from rewards.models import ManualStamp, StampProgramme
from rewards.services.ledger import WalletState, lock_wallet, wallet_for
from rewards.services.ledger.refusals import refuse_status
from rewards.services.stamps import books, settling

State = ManualStamp.State


@transaction.atomic
def stamp_by_hand(
    *,
    programme: StampProgramme,
    member: Member,
    amount: int,
    reason: str,
    reference: str,
    store: Store | None = None,
    actor: Actor,
) -> ManualStamp:
    """Put stamps on, or with a minus take them off, once per actor and reference.

    Locks the member's wallet. More than ``manual_direct`` wait for a second person;
    the day's limit counts those that wait. A repeat answers with the first, other
    content under the reference is refused.
    """
    _refuse_empty(amount, reason)
    wallet = _locked(programme, member)
    if known := ManualStamp.objects.filter(actor=actor.label, reference=reference).first():
        return _same(known, programme, member, amount)
    if not programme.is_active:
        raise StampProgrammeOff(pointer="/programme")
    today = clock.now().astimezone(ZoneInfo(programme.programme.time_zone)).date()
    _refuse_beyond(programme, member, amount, today)
    refuse_status(wallet.status)
    waits = abs(amount) > programme.manual_direct
    asked = ManualStamp.objects.create(
        programme=programme,
        member=member,
        store=store,
        amount=amount,
        reason=reason,
        reference=reference,
        actor=actor.label,
        state=State.WAITING if waits else State.DONE,
        day=today,
    )
    _record("stamps.asked" if waits else "stamps.by_hand", asked, actor)
    if not waits:
        _apply(asked, actor)
    return asked


@transaction.atomic
def decide(*, asked: ManualStamp, agree: bool, actor: Actor) -> ManualStamp:
    """A second person agrees, or not. Nobody decides about stamps of their own asking."""
    member = Member.objects.get(pk=asked.member_id)
    _locked(asked.programme, member)
    held = ManualStamp.objects.select_related("programme__programme").select_for_update(
        of=("self",)
    ).get(pk=asked.pk)  # fmt: skip
    if held.actor == actor.label:
        raise OwnApproval
    if held.state != State.WAITING:
        raise StampState(state=held.state)
    held.state = State.DONE if agree else State.REFUSED
    held.decided_by, held.decided_at = actor.label, clock.now()
    held.save(update_fields=["state", "decided_by", "decided_at"])
    _record("stamps.agreed" if agree else "stamps.refused", held, actor)
    if agree:
        _refuse_debt(held.programme, member, held.amount)
        _apply(held, actor)
    return held


def _locked(programme: StampProgramme, member: Member) -> WalletState:
    return lock_wallet(wallet_for(member.pk, programme.programme).pk)


def _refuse_empty(amount: int, reason: str) -> None:
    if not amount or abs(amount) > 10**9:
        raise ValidationFailed(_("At least one stamp."), pointer="/amount")
    if not reason.strip():
        raise ValidationFailed(_("Stamps by hand need a reason."), pointer="/reason")


def _refuse_beyond(programme: StampProgramme, member: Member, amount: int, today: date) -> None:
    if amount < 0:
        _refuse_debt(programme, member, amount)
        return
    given = ManualStamp.objects.filter(
        programme=programme, member=member, day=today, amount__gt=0
    ).exclude(state=State.REFUSED)
    left = programme.manual_per_day - (given.aggregate(n=Sum("amount"))["n"] or 0)
    if amount > left:
        raise StampLimit(pointer="/amount", max=max(left, 0), bound="per_day")


def _refuse_debt(programme: StampProgramme, member: Member, amount: int) -> None:
    """Stamps of a full card are gone; nobody is put below zero by hand."""
    balance = books.balance_of(member.pk, programme.code)
    if balance + amount < 0:
        raise StampLimit(pointer="/amount", max=max(balance, 0), bound="balance")


def _apply(asked: ManualStamp, actor: Actor) -> None:
    programme = asked.programme
    reason = f"{books.BY_HAND}{asked.public_id}"
    books.move(asked.member_id, programme.code, asked.amount, reason)
    moment = settling.Moment(
        at=clock.now(), actor=actor, id=asked.public_id, store_id=asked.store_id or 0
    )
    settling.settle([(asked.member_id, programme.code)], moment)
    outbox.emit(
        "stamps.by_hand",
        object_type="manual_stamp",
        object_id=str(asked.public_id),
        data={"programme": programme.code, "amount": asked.amount},
    )


def _record(action: str, asked: ManualStamp, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="member",
        object_id=str(asked.member.public_id),
        after={
            "programme": asked.programme.code,
            "amount": asked.amount,
            "manual_stamp": str(asked.public_id),
        },
        reason=asked.reason,
        actor=actor,
        store=asked.store.code if asked.store else "",
    )


def _same(
    known: ManualStamp, programme: StampProgramme, member: Member, amount: int
) -> ManualStamp:
    if (known.programme_id, known.member_id, known.amount) != (programme.pk, member.pk, amount):
        raise SourceRefConflict(pointer="/reference", source_ref=known.reference)
    return known
