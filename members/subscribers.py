"""What members do when an event arrives: cards come to life."""

from __future__ import annotations

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from members.models import CardType, Member, Receipt
from members.services.card_waking import wake_by_form, wake_cards


@outbox.subscribe("transaction.closed")
def wake_after_purchase(event: OutboxEvent) -> None:
    """The first purchase earns with a sleeping card; from then on the card pays."""
    receipt = Receipt.objects.filter(public_id=event.object_id).select_related("member").first()
    if receipt and receipt.member:
        wake_cards(
            member=receipt.member,
            activation=CardType.Activation.FIRST_PURCHASE,
            at=receipt.occurred_at,
            actor=SYSTEM,
        )


@outbox.subscribe("member.updated")
@outbox.subscribe("member.identity_added")
@outbox.subscribe("member.consent_recorded")
def wake_after_form(event: OutboxEvent) -> None:
    """Whatever was filled in last may have completed the form."""
    member = Member.objects.filter(public_id=event.object_id).first()
    if member:
        wake_by_form(member=member, at=event.created_at, actor=SYSTEM)
