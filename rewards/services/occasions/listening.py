"""A new member is welcomed from the outbox, seconds after joining."""

from __future__ import annotations

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Member
from rewards.models import Occasion
from rewards.rules.bonuses import checked
from rewards.services import bonuses
from rewards.services.bonuses import Due
from rewards.services.occasions.giving import zone_of


@outbox.subscribe("member.created")
def welcome(event: OutboxEvent) -> None:
    """Once per member, for ever, in the transaction of the event's mark."""
    occasions = Occasion.objects.filter(kind=Occasion.Kind.WELCOME, is_active=True)
    occasion = occasions.select_related("programme").first()
    member = Member.objects.filter(public_id=event.object_id).first() if occasion else None
    if occasion is None or member is None or member.status != Member.Status.ACTIVE:
        return
    day = event.created_at.astimezone(zone_of(occasion)).date()
    due = Due(
        member.pk,
        Occasion.Kind.WELCOME,
        f"{occasion.programme_id}:{member.pk}",
        checked(occasion.reward),
        day,
    )
    bonuses.give([due], programme=occasion.programme, actor=SYSTEM)
