"""Turns in games and tickets of draws by hand; sales give them through promotions."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Member
from rewards.models import AwardBalance, AwardMove

MOST = 1_000


def turns_of(*, member_id: int, kind: str, code: str) -> int:
    """How many turns or tickets the member has; never below zero, whatever returns took."""
    found = AwardBalance.objects.filter(member=member_id, kind=kind, code=code)
    return max(found.values_list("balance", flat=True).first() or 0, 0)


@transaction.atomic
def grant_turns(
    *, member: Member, kind: str, code: str, count: int, reason: str, actor: Actor
) -> int:
    """Give turns or tickets for no sale; answers with how many the member has now.

    A repeat gives again: the door's idempotency key is what makes it once.
    """
    if not 1 <= count <= MOST:
        raise ValidationFailed(_("From 1 to 1000 at once."), pointer="/count", max=MOST)
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    AwardMove.objects.create(
        member=member, kind=kind, code=code, amount=count, reason=f"hand:{actor.label}"[:80]
    )
    audit.record(
        action="turns.granted",
        object_type="member",
        object_id=str(member.public_id),
        after={"kind": kind, "code": code, "count": count},
        reason=reason,
        actor=actor,
    )
    return turns_of(member_id=member.pk, kind=kind, code=code)
