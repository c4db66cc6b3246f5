"""Where a member can be reached, and since when: the ground for codes and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from loyalty_crm.kernel.models import AuditEntry
from members.models import Identity, Member

CHANGES = ("member.identity_added", "member.identity_removed")
CHANNELS: dict[str, str] = {Identity.Kind.PHONE: "sms", Identity.Kind.EMAIL: "email"}


def contacts_of(member: Member) -> list[Identity]:
    """Phones first, the oldest first: a code goes to what was there longest."""
    known = member.identities.filter(kind__in=CHANNELS)
    return sorted(known, key=lambda one: (one.kind != Identity.Kind.PHONE, one.created_at))


def last_change(member: Member, since: datetime) -> datetime | None:
    """When a contact was last added or removed after joining, if that was after ``since``."""
    trail = AuditEntry.objects.filter(
        object_type="member", object_id=str(member.public_id), action__in=CHANGES
    )
    newest = trail.filter(after__kind__in=list(CHANNELS)).order_by("-id").first()
    return newest.recorded_at if newest and newest.recorded_at > since else None


def older_than(contacts: Iterable[Identity], moment: datetime) -> list[Identity]:
    return [one for one in contacts if one.created_at <= moment]
