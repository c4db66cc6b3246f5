"""Who is signed in: sessions of members, which have nothing to do with those of the staff."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.models import Member, PortalSession

LIFE = timedelta(days=30)
#: How exactly "last seen" is kept: not every page is a write.
SEEN = timedelta(minutes=10)


@transaction.atomic
def open_session(*, member: Member, device: str, now: datetime, actor: Actor) -> str:
    """Let a browser in; the value of its cookie, which is kept nowhere but there."""
    token = secrets.token_urlsafe(32)
    session = PortalSession.objects.create(
        digest=_digest(token), member=member, device=device[:120], expires_at=now + LIFE
    )
    _trace("portal.signed_in", member, {"session": str(session.public_id)}, actor)
    return token


def session_of(token: str, now: datetime) -> PortalSession | None:
    """The open session of a cookie, with its member, by one query; seen now and then."""
    open_ones = PortalSession.objects.open().select_related("member")
    found = open_ones.filter(digest=_digest(token), member__status=Member.Status.ACTIVE).first()
    if found and found.seen_at < now - SEEN:
        PortalSession.objects.filter(pk=found.pk).update(seen_at=Now())
    return found


@transaction.atomic
def end_session(*, session: PortalSession, actor: Actor) -> None:
    """Sign this browser out. A repeat does nothing."""
    if PortalSession.objects.filter(pk=session.pk, ended_at=None).update(ended_at=Now()):
        _trace("portal.signed_out", session.member, {"session": str(session.public_id)}, actor)


@transaction.atomic
def end_all(*, member: Member, actor: Actor) -> int:
    """Sign the member out everywhere; how many browsers that were."""
    ended = PortalSession.objects.open().filter(member=member).update(ended_at=Now())
    _trace("portal.signed_out_everywhere", member, {"sessions": ended}, actor)
    return ended


def forget_old(older_than: datetime) -> int:
    """Delete sessions that were over before the moment."""
    return PortalSession.objects.filter(expires_at__lt=older_than).delete()[0]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _trace(action: str, member: Member, after: dict[str, object], actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="member",
        object_id=str(member.public_id),
        after=after,
        actor=actor,
    )
