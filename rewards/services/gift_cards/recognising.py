"""Cards that are shown to pay with: from numbers and PINs to cards, guesses counted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.models import GiftCard
from rewards.services.gift_cards.finding import by_number, check_pin

MOST_CARDS = 5


class ShownGiftCard(msgspec.Struct, frozen=True, kw_only=True):
    """What the bearer shows. It is looked up and then forgotten: nothing keeps it."""

    number: str
    pin: str = ""


def recognise(shown: Sequence[ShownGiftCard], *, actor: Actor) -> list[GiftCard]:
    """The cards, in the order in which they were shown; none may stand there twice.

    Call it outside of the business transaction: wrong numbers and PINs count,
    whatever becomes of the sale. A wrong number and a wrong PIN look alike.
    """
    if not shown:
        return []
    with throttle.guarded("gift_cards", actor=actor, count=len(shown)) as guesses:
        guesses.wrong = 1
        cards = [_recognised(one) for one in shown]
        guesses.wrong = 0
    if len({card.pk for card in cards}) != len(cards):
        raise ValidationFailed(pointer="/gift_cards")
    return cards


def _recognised(shown: ShownGiftCard) -> GiftCard:
    card = by_number(shown.number)
    check_pin(card, shown.pin)
    return card
