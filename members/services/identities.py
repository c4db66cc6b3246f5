"""Phones, e-mails and external ids: how a member is recognised, one value for one member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from loyalty_crm.kernel.actors import Actor
from members.errors import IdentityInvalid, IdentityTaken
from members.models import Identity, Member
from members.rules.identities import normal_email, normal_phone
from members.services import trail

UNIQUE = "identity_names_one_member"


@dataclass(frozen=True, slots=True)
class Known:
    """An identity as it was typed, before it belongs to anyone."""

    kind: str
    value: str
    system: str = ""
    verified_at: datetime | None = None


def normal(known: Known) -> Known:
    """The same identity in its one writing; refused when there is none."""
    match known.kind:
        case Identity.Kind.PHONE:
            value = normal_phone(known.value, settings.PHONE_REGION)
        case Identity.Kind.EMAIL:
            value = normal_email(known.value)
        case _:
            value = _external(known)
    if value is None:
        raise IdentityInvalid(pointer=f"/{known.kind}", kind=known.kind)
    system = known.system if known.kind == Identity.Kind.EXTERNAL else ""
    return Known(known.kind, value, system, known.verified_at)


def _external(known: Known) -> str | None:
    value = known.value.strip()
    fits = value.isprintable() and 0 < len(value) <= 254 and 0 < len(known.system) <= 40
    return value if fits else None


def claim(*, member: Member, wanted: Sequence[Known]) -> list[Identity]:
    """Write identities inside the caller's transaction; refused when one has an owner.

    Two doors that claim one value meet at the unique key: the second waits for the
    first to commit, and is refused.
    """
    rows = [
        Identity(
            member=member,
            kind=one.kind,
            system=one.system,
            value=one.value,
            verified_at=one.verified_at,
        )
        for one in wanted
    ]
    try:
        with transaction.atomic():
            return Identity.objects.bulk_create(rows)
    except IntegrityError as clash:
        if getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "") != UNIQUE:
            raise
        kind = _owned(wanted)
        raise IdentityTaken(pointer=f"/{kind}", kind=kind) from clash


def _owned(wanted: Sequence[Known]) -> str:
    """Which of the values is taken: its kind only, never the value or its owner."""
    any_of = Q()
    for one in wanted:
        any_of |= Q(kind=one.kind, system=one.system, value=one.value)
    return Identity.objects.filter(any_of).values_list("kind", flat=True).first() or wanted[0].kind


@transaction.atomic
def add_identity(
    *,
    member: Member,
    kind: str,
    value: str,
    system: str = "",
    verified_at: datetime | None = None,
    actor: Actor,
) -> Identity:
    """Let a member be recognised by one more value. A value the member has already comes back."""
    known = normal(Known(kind, value, system, verified_at))
    same = member.identities.filter(kind=known.kind, system=known.system, value=known.value)
    if found := same.first():
        return found
    [identity] = claim(member=member, wanted=[known])
    trail.touch(member)
    trail.leave(kind="member.identity_added", member=member, after={"kind": kind}, actor=actor)
    return identity


@transaction.atomic
def remove_identity(*, identity: Identity, actor: Actor) -> None:
    """Forget a value; it is free for another member at once. A repeat does nothing."""
    member = identity.member
    if Identity.objects.filter(pk=identity.pk).delete()[0]:
        trail.touch(member)
        after: dict[str, object] = {"kind": identity.kind}
        trail.leave(kind="member.identity_removed", member=member, after=after, actor=actor)


@transaction.atomic
def verify_identity(*, identity: Identity, verified_at: datetime, actor: Actor) -> None:
    """Note when the member proved to own the value. The first proof stays."""
    unproved = Identity.objects.filter(pk=identity.pk, verified_at=None)
    if unproved.update(verified_at=verified_at):
        identity.verified_at = verified_at
        trail.touch(identity.member)
        after: dict[str, object] = {"kind": identity.kind}
        trail.leave(
            kind="member.identity_verified", member=identity.member, after=after, actor=actor
        )
