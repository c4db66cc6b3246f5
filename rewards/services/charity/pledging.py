"""Points of members that become money for a cause."""

from __future__ import annotations

from datetime import datetime

from members.models import Member
from rewards.errors import CauseUnknown
from rewards.models import Cause, Pledge, Programme
from rewards.services.charity.causes import chosen_cause


def pledge(
    *,
    cause: Cause | None,
    member: Member,
    programme: Programme,
    amount_minor: int,
    source_ref: str,
    now: datetime,
) -> Pledge:
    """Pledge money to the cause, or (None) to the one that the member chose.

    Belongs into the transaction of the points; ``source_ref`` pledges once.
    """
    cause = cause or chosen_cause(member.pk, programme)
    if cause is None:
        raise CauseUnknown
    return Pledge.objects.create(
        cause=cause,
        member=member,
        amount_minor=amount_minor,
        source_ref=source_ref,
        occurred_at=now,
    )


def take_pledge_back(*, source_ref: str, now: datetime) -> Pledge:
    """A row that takes the whole pledge back. What was paid to the cause stays paid."""
    made = Pledge.objects.get(source_ref=source_ref)
    return Pledge.objects.create(
        cause_id=made.cause_id,
        member_id=made.member_id,
        amount_minor=-made.amount_minor,
        source_ref=f"back:{source_ref}",
        reverses=made,
        occurred_at=now,
    )
