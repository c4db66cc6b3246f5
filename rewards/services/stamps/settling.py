"""After stamps moved: old ones go, full cards are completed, cards without their stamps undone.

Runs in the transaction of the move, under the member's wallet. The balance is read after
the move, whose trigger holds its row: of two tills one counts first. A card's number is
unique, so even without any lock a card would be full once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import Count, Max, Q

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.ids import uuid7
from rewards.models import StampCard, StampProgramme
from rewards.services.awards.presents import Occasion, give_present, take_present_back
from rewards.services.stamps import books

#: A receipt completes so many cards at most; what is left goes on with the next stamp.
MOST_CARDS = 20
Pair = tuple[int, str]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When, where and by whom the stamps moved. ``id`` names the move's document."""

    at: datetime
    actor: Actor
    id: UUID
    store_id: int = 0


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Stamps of an award that went back with its goods."""

    member_id: int
    code: str
    award_id: int
    stamps: int


def settle_return(gone: Sequence[Gone], moment: Moment) -> None:
    """Like ``settle``, after stamps went back: those that had grown old are not missed twice."""
    by_code = _known({one.code for one in gone})
    for one in gone:
        if (programme := by_code.get(one.code)) is None:
            continue
        old = books.gone_of(programme, one.member_id, one.award_id, one.stamps, moment.at)
        reason = f"{books.REVIVED}{moment.id}:{one.award_id}"
        books.move(one.member_id, one.code, old, reason)
        _settle(programme, one.member_id, moment)


def settle(pairs: Iterable[Pair], moment: Moment) -> None:
    """Settle the cards of (member, code). One query when no stamp programme has the codes."""
    wanted = sorted(set(pairs))
    by_code = _known({code for _, code in wanted})
    for member_id, code in wanted:
        if code in by_code:
            _settle(by_code[code], member_id, moment)


def _known(codes: set[str]) -> dict[str, StampProgramme]:
    if not codes:
        return {}
    known = StampProgramme.objects.filter(programme__is_default=True, code__in=codes)
    return {one.code: one for one in known.select_related("programme")}


def _settle(programme: StampProgramme, member_id: int, moment: Moment) -> None:
    books.expire(programme, [member_id], moment.at)
    balance = books.balance_of(member_id, programme.code)
    if balance < 0:
        _undo(programme, member_id, balance, moment)
    elif balance >= programme.needed and programme.is_active:
        _complete(programme, member_id, balance, moment)


# Full cards


def _complete(programme: StampProgramme, member_id: int, balance: int, moment: Moment) -> None:
    last, full = _counted(programme, member_id)
    free = MOST_CARDS if programme.cards_per_member is None else programme.cards_per_member - full
    cards = min(balance // programme.needed, free, MOST_CARDS)
    surplus = balance - cards * programme.needed
    for number in range(last + 1, last + cards + 1):
        is_last = number == last + cards
        forfeited = surplus if is_last and not programme.carry_over else 0
        _full(programme, member_id, number, forfeited, moment)


def _counted(programme: StampProgramme, member_id: int) -> tuple[int, int]:
    """The last number, and how many cards are full."""
    own = StampCard.objects.filter(programme=programme, member_id=member_id)
    found = own.aggregate(
        last=Max("number"), full=Count("pk", filter=Q(state=StampCard.State.FULL))
    )
    return found["last"] or 0, found["full"]


def _full(
    programme: StampProgramme, member_id: int, number: int, forfeited: int, moment: Moment
) -> StampCard:
    public_id = uuid7()
    books.move(member_id, programme.code, -programme.needed, f"{books.CARD}{public_id}")
    books.move(member_id, programme.code, -forfeited, f"{books.CARD}surplus:{public_id}")
    card = StampCard.objects.create(
        public_id=public_id,
        programme=programme,
        member_id=member_id,
        number=number,
        stamps=programme.needed,
        forfeited=forfeited,
        completed_at=moment.at,
        reward=give_present(
            terms=programme.terms, to=_occasion(programme, member_id, public_id, moment)
        ),
    )
    _tell("stamp_card.completed", card)
    return card


def _occasion(programme: StampProgramme, member_id: int, card_id: UUID, moment: Moment) -> Occasion:
    return Occasion(
        id=card_id,
        name="stamp_card",
        reason=programme.name,
        programme=programme.programme,
        member_id=member_id,
        at=moment.at,
        actor=moment.actor,
        store_id=moment.store_id,
    )


def _tell(event: str, card: StampCard) -> None:
    data: dict[str, object] = {"programme": card.programme.code, "number": card.number}
    outbox.emit(event, object_type="stamp_card", object_id=str(card.public_id), data=data)


# Cards whose stamps went back


def _undo(programme: StampProgramme, member_id: int, balance: int, moment: Moment) -> None:
    """Newest cards first, until the stamps that went are there again.

    A card whose reward was used stays full: then the member owes stamps, or the shop
    bears it, as the programme says.
    """
    for card in _full_cards(programme, member_id):
        balance += _surplus_back(card, -balance, moment)
        if balance >= 0:
            return
        if not _take_back(programme, card, moment):
            break
        balance += card.stamps + card.forfeited
    if balance < 0 and programme.after_use == StampProgramme.AfterUse.FORGIVE:
        books.move(member_id, programme.code, -balance, f"{books.FORGIVEN}{moment.id}")


def _full_cards(programme: StampProgramme, member_id: int) -> Sequence[StampCard]:
    full = StampCard.objects.filter(
        programme=programme, member_id=member_id, state=StampCard.State.FULL
    )
    return list(full.select_related("programme").order_by("-number")[:MOST_CARDS])


def _surplus_back(card: StampCard, missing: int, moment: Moment) -> int:
    """Stamps that were lost as surplus cover what is missing first."""
    back = min(card.forfeited, missing)
    if back:
        reason = f"{books.BACK}{card.pk}:{moment.id}"
        books.move(card.member_id, card.programme.code, back, reason)
        card.forfeited -= back
        card.save(update_fields=["forfeited"])
    return back


def _take_back(programme: StampProgramme, card: StampCard, moment: Moment) -> bool:
    to = _occasion(programme, card.member_id, card.public_id, moment)
    if not take_present_back(reward=card.reward, to=to):
        return False
    books.move(
        card.member_id,
        programme.code,
        card.stamps + card.forfeited,
        f"{books.BACK}{card.public_id}",
    )
    card.state, card.undone_at = StampCard.State.UNDONE, moment.at
    card.save(update_fields=["state", "undone_at"])
    _tell("stamp_card.undone", card)
    return True
