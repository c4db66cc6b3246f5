"""A purchase may lift its member: decided from the outbox, seconds after the sale."""

from __future__ import annotations

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Member, Receipt
from rewards.models import TierStructure
from rewards.services.tiers.deciding import rise_members


@outbox.subscribe("transaction.claimed")
@outbox.subscribe("transaction.closed")
def rise_after_purchase(event: OutboxEvent) -> None:
    """In the transaction of the event's mark, so each purchase is looked at exactly once.

    The sale itself was priced by the tier of before.
    """
    structures = list(TierStructure.objects.select_related("programme"))
    if not structures:
        return
    receipt = Receipt.objects.filter(public_id=event.object_id).first()
    if receipt and receipt.member_id:
        for structure in structures:
            rise_members(structure=structure, member_ids=[receipt.member_id])


@outbox.subscribe("tier.figure_recorded")
def rise_after_figure(event: OutboxEvent) -> None:
    """As after a purchase, on the one ladder that counts the figure."""
    ladders = TierStructure.objects.select_related("programme")
    structure = ladders.filter(code=event.data["structure"]).first()
    member = Member.objects.filter(public_id=event.object_id).first()
    if structure and member:
        rise_members(structure=structure, member_ids=[member.pk])
