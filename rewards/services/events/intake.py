"""One event comes in: once per source and id, rewarded once per slot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock, outbox, wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from members.models import Member
from rewards.errors import EventKindUnknown, MemberUnknown, OccurredInFuture
from rewards.models import ActionEvent, EventKind
from rewards.rules.slots import slot_of
from rewards.services.events.deciding import grant

State = ActionEvent.State
#: Clocks of other systems may run a little ahead.
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Action:
    """What a source tells of one action."""

    source: str
    event_id: str
    kind: str
    occurred_at: datetime
    object_ref: str = ""
    proof_url: str = ""
    proof_text: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    event: ActionEvent
    is_repeat: bool = False


@transaction.atomic
def record_event(*, member: Member, action: Action, actor: Actor) -> Taken:
    """Take an event in, and reward it at once unless a person has to look at it first.

    A repeat of (source, event id) answers with the first; with another content it is
    refused. One over the limit is kept and gives nothing. Two at once meet at the
    unique keys, not at a count: the second waits, and is a repeat or over the limit.
    """
    kind = _kind(action.kind)
    _refuse(member, action, kind)
    digest = _digest(member, action)
    if known := _known(action):
        return _same(known, digest)
    event = ActionEvent(
        source=action.source,
        event_id=action.event_id,
        kind=kind,
        member=member,
        object_ref=action.object_ref,
        slot=_slot(kind, action),
        proof_url=action.proof_url,
        proof_text=action.proof_text,
        state=State.PENDING,
        digest=digest,
        occurred_at=action.occurred_at,
    )
    if not _insert(event):
        return _lost(event, digest)
    _tell(event)
    if not kind.needs_approval:
        grant(event, actor=actor)
    return Taken(event)


def _kind(code: str) -> EventKind:
    kinds = EventKind.objects.select_related("programme")
    kind = kinds.filter(programme__is_default=True, code=code, is_active=True).first()
    if kind is None:
        raise EventKindUnknown(pointer="/kind", kind=code)
    return kind


def _refuse(member: Member, action: Action, kind: EventKind) -> None:
    if member.status == Member.Status.CLOSED:
        raise MemberUnknown(pointer="/member")
    if action.occurred_at > clock.now() + AHEAD:
        raise OccurredInFuture(pointer="/occurred_at")
    if kind.once == EventKind.Once.OBJECT and not action.object_ref:
        raise ValidationFailed(_("This kind of action needs an object."), pointer="/object")
    if kind.needs_proof and not (action.proof_url or action.proof_text.strip()):
        raise ValidationFailed(_("This kind of action needs a proof."), pointer="/proof_url")


def _slot(kind: EventKind, action: Action) -> str:
    day = action.occurred_at.astimezone(ZoneInfo(kind.programme.time_zone)).date()
    name = hashlib.sha256(f"{action.source}\0{action.event_id}".encode()).hexdigest()[:40]
    return slot_of(once=kind.once, day=day, object_ref=action.object_ref, event=name)


def _digest(member: Member, action: Action) -> bytes:
    said = [str(member.public_id), action.kind, action.object_ref, action.occurred_at.isoformat()]
    said += [action.proof_url, action.proof_text]
    return hashlib.sha256(wire.canonical(said)).digest()


def _known(action: Action) -> ActionEvent | None:
    events = ActionEvent.objects.shown()
    return events.filter(source=action.source, event_id=action.event_id).first()


def _same(known: ActionEvent, digest: bytes) -> Taken:
    if bytes(known.digest) != digest:
        raise SourceRefConflict(source_ref=known.event_id)
    return Taken(known, is_repeat=True)


def _insert(event: ActionEvent) -> bool:
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError as clash:
        diag = getattr(clash.__cause__, "diag", None)
        if getattr(diag, "constraint_name", "") not in (
            "action_event_once",
            "one_rewarded_action_per_slot",
        ):
            raise
        return False
    return True


def _lost(event: ActionEvent, digest: bytes) -> Taken:
    """A twin of the event, or another event of its slot, was first."""
    action = Action(event.source, event.event_id, event.kind.code, event.occurred_at)
    if known := _known(action):
        return _same(known, digest)
    event.state, event.reason = State.OVER_LIMIT, event.kind.once
    if _insert(event):
        _tell(event)
        return Taken(event)
    known = _known(action)
    assert known is not None
    return _same(known, digest)


def _tell(event: ActionEvent) -> None:
    outbox.emit(
        "action.recorded",
        object_type="action",
        object_id=str(event.public_id),
        data={"kind": event.kind.code, "state": event.state, "member": str(event.member.public_id)},
    )
