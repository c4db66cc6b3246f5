"""Sales and returns of friends, heard from the outbox. Each changes a referral once."""

from __future__ import annotations

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Receipt
from rewards.services.referrals.qualifying import bought, brought_back


@outbox.subscribe("transaction.closed")
def hear_purchase(event: OutboxEvent) -> None:
    receipt = Receipt.objects.filter(public_id=event.object_id).first()
    if receipt and receipt.member_id:
        bought(receipt)


@outbox.subscribe("transaction.returned")
@outbox.subscribe("transaction.voided")
def hear_return(event: OutboxEvent) -> None:
    receipt = Receipt.objects.filter(public_id=event.object_id).first()
    if receipt and receipt.member_id:
        brought_back(receipt)
