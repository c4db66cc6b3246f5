"""What rewards do when an event of members arrives."""

from __future__ import annotations

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import OutboxEvent
from members.models import Member
from rewards.models import RulesAcceptance
from rewards.services.programmes import default_or_none
from rewards.services.rules_page import accept_rules, latest_rules

PORTAL = "portal"


@outbox.subscribe("member.created")
def note_acceptance(event: OutboxEvent) -> None:
    """Who joins on the members' page accepts the rules that are published: it says so there.

    Where nothing is published yet there is no version to accept.
    """
    programme = default_or_none()
    if event.data.get("source") != PORTAL or programme is None:
        return
    member = Member.objects.filter(public_id=event.object_id).first()
    rules = latest_rules(programme)
    if member and rules:
        accept_rules(
            member=member,
            rules=rules,
            channel=RulesAcceptance.Channel.WEB,
            accepted_at=event.created_at,
            actor=Actor("member", str(member.public_id)),
        )
