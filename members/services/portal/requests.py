"""What members ask for about their data, and what became of it."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.models import DataRequest, Member
from members.services import trail
from members.services.portal.joining import member_actor

State = DataRequest.State


@transaction.atomic
def ask_about_data(*, member: Member, kind: str) -> DataRequest:
    """Write the wish down. While one of the kind is open, asking again finds it."""
    request, is_new = DataRequest.objects.get_or_create(member=member, kind=kind, state=State.OPEN)
    if is_new:
        after: dict[str, object] = {"kind": kind}
        actor = member_actor(member)
        trail.leave(kind="member.data_requested", member=member, after=after, actor=actor)
    return request


@transaction.atomic
def close_request(*, request: DataRequest, state: str, note: str, actor: Actor) -> bool:
    """Say what became of it; False when somebody has said so before."""
    still_open = DataRequest.objects.filter(pk=request.pk, state=State.OPEN)
    closed = still_open.update(state=state, closed_at=Now(), closed_by=actor.label, note=note[:300])
    if closed:
        audit.record(
            action="data_request.closed",
            object_type="member",
            object_id=str(request.member.public_id),
            after={"kind": request.kind, "state": state},
            reason=note,
            actor=actor,
        )
    return bool(closed)
