"""The clock's moves, written down: what has begun by its date, and what is over."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from rewards.models import Promotion, PromotionVersion
from rewards.services.promotions.steps import State, hold


def move_due(*, now: datetime, limit: int = 500) -> int:
    """Settle promotions with a version whose time has come; returns how many.

    One short transaction each. A second run beside it waits for the lock and finds the
    work done, so every move has one event.
    """
    due = PromotionVersion.objects.filter(
        Q(state=State.SCHEDULED, starts_at__lte=now) | Q(state=State.LIVE, ends_at__lte=now)
    )
    promotions = list(
        Promotion.objects.filter(pk__in=due.values("promotion_id")).order_by("pk")[:limit]
    )
    for promotion in promotions:
        _settle(promotion)
    return len(promotions)


@transaction.atomic
def _settle(promotion: Promotion) -> None:
    hold(promotion)
