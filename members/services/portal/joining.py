"""Joining by oneself, and signing in, by a contact that a code has proved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from members.models import Card, CardType, Member
from members.services.card_waking import wake_cards
from members.services.consents import Statement
from members.services.identities import verify_identity
from members.services.people import enrol_member
from members.services.portal.codes import Contact

SOURCE = "portal"


def member_actor(member: Member) -> Actor:
    """A member about themselves."""
    return Actor("member", str(member.public_id))


@transaction.atomic
def recognise(*, contact: Contact, now: datetime) -> Member | None:
    """The active member who owns a proved contact; the first proof is noted.

    Cards that wait for a confirmed code come to life: this is the confirmation.
    """
    identity = contact.identity()
    if identity is None or identity.member.status != Member.Status.ACTIVE:
        return None
    member = identity.member
    verify_identity(identity=identity, verified_at=now, actor=member_actor(member))
    wake_cards(
        member=member, activation=CardType.Activation.CODE, at=now, actor=member_actor(member)
    )
    return member


@transaction.atomic
def join(
    *,
    contact: Contact,
    name: str,
    birth_date: date | None,
    language: str,
    consents: Sequence[Statement],
    now: datetime,
) -> Member:
    """Let somebody with a proved contact become a member, with a virtual card.

    Refused with ``IdentityTaken`` when the contact got an owner meanwhile, so a
    form that is sent twice makes one member.
    """
    actor = Actor("member", f"{SOURCE}:new")
    member = enrol_member(
        name=name,
        birth_date=birth_date,
        language=language,
        source=SOURCE,
        consents=consents,
        occurred_at=now,
        actor=actor,
        **{contact.kind: contact.value},  # type: ignore[arg-type]
    )
    Card.objects.filter(member=member).update(is_virtual=True)
    recognise(contact=contact, now=now)
    return member
