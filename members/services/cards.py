"""The life of a card: issued, activated, blocked, replaced, closed.

Every verb locks the card, asks the table of members/rules/cards.py, writes and
announces. A verb that finds its work done already does nothing.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.errors import (
    CardNumberInvalid,
    CardNumberTaken,
    CardReasonMissing,
    CardState,
    MemberNotActive,
)
from members.models import Card, CardType, Member
from members.rules.cards import clean_number, is_acceptable, may_go, random_number
from members.services import card_holders, trail
from members.services.card_holders import default_type, ends_on

Status = Card.Status
STOPPED = frozenset({Status.BLOCKED, Status.REPLACED, Status.CLOSED})
_TRIES = 5


@transaction.atomic
def issue_card(
    *,
    member: Member,
    number: str | None = None,
    is_virtual: bool = False,
    card_type: CardType | None = None,
    occurred_at: datetime,
    actor: Actor,
) -> Card:
    """Give a member a card: a prepared one or a new one with the number, or a random number.

    It earns, and cannot pay until it is activated: at once when its type says so.
    A prepared card is of the type of its batch, whatever is asked for.
    """
    _refuse_inactive(member)
    wanted_type = card_type or default_type()
    if number is None:
        card = _create_random(is_virtual, wanted_type)
    else:
        wanted = _checked(number)
        card = _prepared(wanted) or _create(wanted, is_virtual)
    card.type = card.type or wanted_type
    return _handed_out(card, member, occurred_at, actor)


def _handed_out(card: Card, member: Member, occurred_at: datetime, actor: Actor) -> Card:
    card.member = member
    card.issued_at = occurred_at
    card.valid_until = ends_on(card.type, occurred_at)
    _move(card, Status.ISSUED, "", actor, kind="card.issued")
    if card.type and card.type.activation == CardType.Activation.AT_ISSUE:
        return activate_card(card=card, occurred_at=occurred_at, actor=actor)
    return card


@transaction.atomic
def bind_card(*, member: Member, number: str, occurred_at: datetime, actor: Actor) -> Card:
    """Give a member a card from the prepared stock; a number that is not in it is refused."""
    _refuse_inactive(member)
    card = _prepared(_checked(number))
    if card is None:
        raise CardNumberInvalid(pointer="/number")
    card.type = card.type or default_type()
    return _handed_out(card, member, occurred_at, actor)


@transaction.atomic
def prepare_cards(*, count: int, actor: Actor) -> list[Card]:
    """New random numbers without members, for a print shop."""
    cards = [_create_random(is_virtual=False) for _ in range(count)]
    after: dict[str, object] = {"count": count}
    audit.record(
        action="card.prepared", object_type="card", object_id="batch", after=after, actor=actor
    )
    return cards


@transaction.atomic
def activate_card(*, card: Card, occurred_at: datetime, actor: Actor) -> Card:
    """Let a card pay. An active card stays as it is."""
    held = _locked(card)
    if held.status == Status.ACTIVE:
        return held
    _refuse_unless(
        held, held.status in (Status.PREPARED, Status.ISSUED) and held.member_id is not None
    )
    held.activated_at = occurred_at
    _move(held, Status.ACTIVE, "", actor, kind="card.activated")
    return held


@transaction.atomic
def block_card(*, card: Card, reason: str, actor: Actor) -> Card:
    """Stop a card: it neither earns nor pays. A blocked card stays as it is."""
    held = _locked(card)
    if held.status != Status.BLOCKED:
        _move(held, Status.BLOCKED, reason, actor, kind="card.blocked")
    return held


@transaction.atomic
def unblock_card(*, card: Card, reason: str, actor: Actor) -> Card:
    """Give a blocked card back the state it had before."""
    held = _locked(card)
    _refuse_unless(held, held.status == Status.BLOCKED)
    before = Status.ACTIVE if held.activated_at else Status.ISSUED
    _move(held, before, reason, actor, kind="card.unblocked")
    return held


@transaction.atomic
def replace_card(
    *, card: Card, number: str | None = None, reason: str, occurred_at: datetime, actor: Actor
) -> Card:
    """Hand out a new card for a lost one and return the new one.

    The old card is blocked first and keeps its history; the new card stands where
    the old one stood: active if that one was ever activated. Points stay where they
    are, on the member.
    """
    old = block_card(card=card, reason=reason, actor=actor)
    _refuse_unless(old, old.member is not None)
    assert old.member is not None
    new = issue_card(
        member=old.member,
        number=number,
        is_virtual=old.is_virtual,
        card_type=old.type,
        occurred_at=occurred_at,
        actor=actor,
    )
    if old.activated_at and new.status != Status.ACTIVE:
        new = activate_card(card=new, occurred_at=occurred_at, actor=actor)
    old.replaced_by = new
    _move(old, Status.REPLACED, reason, actor, kind="card.replaced")
    return new


@transaction.atomic
def close_card(*, card: Card, reason: str, actor: Actor) -> Card:
    """End a card for good. A closed card stays as it is."""
    held = _locked(card)
    if held.status != Status.CLOSED:
        _move(held, Status.CLOSED, reason, actor, kind="card.closed")
    return held


def _locked(card: Card) -> Card:
    return (
        Card.objects.select_for_update(no_key=True, of=("self",))
        .select_related("member", "type")
        .get(pk=card.pk)
    )


def _refuse_unless(card: Card, allowed: bool) -> None:
    if not allowed:
        raise CardState(status=card.status)


def _move(card: Card, to: str, reason: str, actor: Actor, *, kind: str) -> None:
    """Write the new state with everything else that was set on the row, and announce it."""
    before = card.status
    _refuse_unless(card, may_go(before, to))
    if to in STOPPED and not reason.strip():
        raise CardReasonMissing(pointer="/reason")
    card.status = to
    card.reason = reason
    card.save()
    if card.member is None:
        return
    card_holders.follow(card, actor)
    trail.touch(card.member)
    # The last digits tell people which card; the number itself would let others use it.
    trail.leave(
        kind=kind,
        member=card.member,
        before={"status": before},
        after={"status": to, "card": card.number[-4:]},
        reason=reason,
        actor=actor,
    )


def _refuse_inactive(member: Member) -> None:
    if member.status != Member.Status.ACTIVE:
        raise MemberNotActive(status=member.status)


def _checked(number: str) -> str:
    cleaned = clean_number(number)
    if not is_acceptable(cleaned, settings.CARD_PREFIX):
        raise CardNumberInvalid(pointer="/number")
    return cleaned


def _prepared(number: str) -> Card | None:
    """The prepared card with the number, locked; a card in any other state is taken."""
    found = Card.objects.select_for_update(no_key=True, of=("self",)).filter(number=number)
    card = found.select_related("type").first()
    if card and card.status != Status.PREPARED:
        raise CardNumberTaken(pointer="/number")
    return card


def _create(number: str, is_virtual: bool) -> Card:
    try:
        with transaction.atomic():
            return Card.objects.create(number=number, is_virtual=is_virtual)
    except IntegrityError as clash:
        raise CardNumberTaken(pointer="/number") from clash


def _create_random(is_virtual: bool, card_type: CardType | None = None) -> Card:
    """Numbers meet once in 10^10 tries among a million cards; then the next one is drawn."""
    prefix = card_type.number_prefix if card_type else settings.CARD_PREFIX
    for _ in range(_TRIES):
        try:
            return _create(random_number(prefix), is_virtual)
        except CardNumberTaken:
            continue
    raise CardNumberTaken
