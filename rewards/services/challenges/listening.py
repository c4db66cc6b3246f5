"""Purchases, claims and returns move challenges and rankings seconds later, by the outbox."""

from __future__ import annotations

from django.db.models import Q

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Receipt
from rewards.models import Challenge
from rewards.services.challenges.counting import count_member
from rewards.services.leaderboards.scoring import score_member


@outbox.subscribe("transaction.closed")
@outbox.subscribe("transaction.claimed")
@outbox.subscribe("transaction.returned")
@outbox.subscribe("transaction.voided")
def count_after_purchase(event: OutboxEvent) -> None:
    """In the transaction of the event's mark. Everything is read anew: a repeat finds it done."""
    receipt = Receipt.objects.filter(public_id=event.object_id, member__isnull=False).first()
    if receipt is None or receipt.member_id is None:
        return
    day, member_id = receipt.business_date, receipt.member_id
    open_then = Q(starts_on__lte=day) & (Q(ends_on=None) | Q(ends_on__gte=day))
    running = Challenge.objects.running().filter(open_then, programme__is_default=True)
    for challenge in running.select_related("programme").order_by("pk"):
        count_member(challenge=challenge, member_id=member_id)
    score_member(member_id=member_id, day=day)
