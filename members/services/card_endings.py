"""Cards whose time is over are closed, a few at a time; who holds one keeps the points."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Card
from members.services.cards import close_card

OVER = "the card's time is over"


def close_ended(today: date, limit: int = 500) -> int:
    """Close cards whose last day was before today; how many were tried.

    One short transaction a card: a till never waits for the whole batch.
    """
    ended = Card.objects.filter(
        status__in=[Card.Status.ISSUED, Card.Status.ACTIVE], valid_until__lt=today
    )
    pks = list(ended.order_by("valid_until", "id").values_list("pk", flat=True)[:limit])
    for pk in pks:
        with transaction.atomic():
            # Asked again under the lock: a replacement may have been faster.
            card = Card.objects.select_for_update(no_key=True).filter(pk=pk).first()
            if card and card.status in (Card.Status.ISSUED, Card.Status.ACTIVE):
                close_card(card=card, reason=OVER, actor=SYSTEM)
    return len(pks)
