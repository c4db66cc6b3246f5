"""Short-lived codes of members' cards, and from a code back to the card."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from loyalty_crm.kernel import clock
from members.models import Card
from members.rules.card_codes import LENGTH, MARK, seal, unseal

LIFE = timedelta(minutes=5)


def short_code(card: Card, now: datetime) -> str:
    """What the member's phone shows now. It holds for five minutes."""
    return seal(settings.CARD_CODE_KEY, card.pk, int((now + LIFE).timestamp()))


def is_short_code(text: str) -> bool:
    """Whether it has the looks of one; asks nobody."""
    return len(text) >= LENGTH and text.strip().upper().startswith(MARK)


def number_of(text: str) -> str | None:
    """The number of the card whose short-lived code this is; one query, None for all else."""
    if not is_short_code(text):
        return None
    card = unseal(settings.CARD_CODE_KEY, text, int(clock.now().timestamp()))
    if card is None:
        return None
    return Card.objects.filter(pk=card).values_list("number", flat=True).first()


def shown_number(text: str) -> str:
    """What was scanned, or the number behind it when it was a code that holds.

    A code that is over stays as it is: it names no card.
    """
    return number_of(text) or text
