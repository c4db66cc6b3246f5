"""What every change of a member leaves behind: a new version, an event, an audit row."""

from __future__ import annotations

from django.db import connection

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from members.models import Member

_TOUCH = """
    UPDATE members_member SET version = version + 1, updated_at = statement_timestamp()
    WHERE id = %s RETURNING version, updated_at
"""


def touch(member: Member) -> None:
    """Count a change of the member. Locks the row until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCH, [member.pk])
        member.version, member.updated_at = cursor.fetchone()


def leave(
    *,
    kind: str,
    member: Member,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    reason: str = "",
    store: str = "",
    actor: Actor,
) -> None:
    """Announce the change and record it; neither row ever holds personal data."""
    subject = str(member.public_id)
    outbox.emit(kind, object_type="member", object_id=subject, version=member.version, data=after)
    audit.record(
        action=kind,
        object_type="member",
        object_id=subject,
        before=before,
        after=after,
        reason=reason,
        actor=actor,
        store=store,
    )
