"""Members: who joins, and what changes about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TypedDict

from django.db import transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ConflictVersion
from members.errors import BirthDateInvalid, NameInvalid
from members.models import Card, Identity, Member, Store
from members.models.consents import Purpose
from members.rules.identities import clean_name
from members.services import trail
from members.services.card_waking import wake_by_form
from members.services.cards import activate_card, issue_card
from members.services.consents import Statement, record_consent
from members.services.identities import (
    Known,
    add_identity,
    claim,
    normal,
    remove_identity,
    verify_identity,
)
from members.services.public_rules import accept_rules
from members.services.search import find_members, lookup_member

__all__ = [
    "Changes",
    "Known",
    "Statement",
    "add_identity",
    "enrol_member",
    "find_members",
    "lookup_member",
    "remove_identity",
    "update_member",
    "verify_identity",
]

LONGEST_NAME = 200
EARLIEST_BIRTH = date(1900, 1, 1)


class Changes(TypedDict, total=False):
    """What may be changed about a member; what is left out stays."""

    name: str
    birth_date: date | None
    language: str
    home_store: Store | None
    status: str


@transaction.atomic
def enrol_member(
    *,
    name: str = "",
    phone: str | None = None,
    email: str | None = None,
    external_ids: Iterable[tuple[str, str]] = (),
    birth_date: date | None = None,
    language: str,
    home_store: Store | None = None,
    source: str,
    consents: Sequence[Statement] = (),
    card_number: str | None = None,
    with_card: bool = True,
    accepted_rules: int | None = None,
    occurred_at: datetime,
    actor: Actor,
) -> Member:
    """Let a person join, with what is known, what was agreed to, and a card.

    ``external_ids`` are pairs of system and id. The card is active at once when the
    member gave a phone and agreed to the processing of personal data, or when its
    type says so, else it is issued: it earns, and cannot pay until it is activated.
    Refused when a phone, e-mail, external id or card number belongs to another member.
    """
    known = _typed(phone, email, external_ids)
    member = Member.objects.create(
        name=_name(name),
        birth_date=_birth_date(birth_date),
        language=language,
        home_store=home_store,
        source=source,
        enrolled_at=occurred_at,
    )
    claim(member=member, wanted=known)
    _agree(member, consents, source, home_store, occurred_at, actor)
    if accepted_rules is not None:
        accept_rules(
            member=member,
            version=accepted_rules,
            source=source,
            accepted_at=occurred_at,
            actor=actor,
        )
    if with_card or card_number:
        _hand_card(member, card_number, bool(phone) and _may_process(consents), occurred_at, actor)
    after: dict[str, object] = {"source": source, "identities": [one.kind for one in known]}
    store = home_store.code if home_store else ""
    trail.leave(kind="member.created", member=member, after=after, store=store, actor=actor)
    return member


def _typed(
    phone: str | None, email: str | None, external_ids: Iterable[tuple[str, str]]
) -> list[Known]:
    known = [Known(Identity.Kind.EXTERNAL, value, system) for system, value in external_ids]
    if email:
        known.insert(0, Known(Identity.Kind.EMAIL, email))
    if phone:
        known.insert(0, Known(Identity.Kind.PHONE, phone))
    # One writing each, and no value twice: "8 (999) …" and "+7999…" are one phone.
    return list(dict.fromkeys(normal(one) for one in known))


def _name(text: str) -> str:
    name = clean_name(text)
    if len(name) > LONGEST_NAME:
        raise NameInvalid(pointer="/name", max=LONGEST_NAME)
    return name


def _birth_date(born: date | None) -> date | None:
    if born and not EARLIEST_BIRTH <= born <= clock.now().date():
        raise BirthDateInvalid(pointer="/birth_date")
    return born


def _agree(
    member: Member,
    consents: Sequence[Statement],
    source: str,
    store: Store | None,
    occurred_at: datetime,
    actor: Actor,
) -> None:
    for said in consents:
        record_consent(
            member=member,
            purpose=said.purpose,
            channel=said.channel,
            granted=said.granted,
            text=said.text,
            source=source,
            store=store,
            evidence=said.evidence,
            occurred_at=occurred_at,
            actor=actor,
        )


def _may_process(consents: Sequence[Statement]) -> bool:
    return any(said.granted and said.purpose == Purpose.PERSONAL_DATA for said in consents)


def _hand_card(
    member: Member, number: str | None, ready: bool, occurred_at: datetime, actor: Actor
) -> None:
    card = issue_card(member=member, number=number, occurred_at=occurred_at, actor=actor)
    if ready and card.type is None:
        activate_card(card=card, occurred_at=occurred_at, actor=actor)
    elif card.status == Card.Status.ISSUED:
        wake_by_form(member=member, at=occurred_at, actor=actor)


@transaction.atomic
def update_member(
    *, member: Member, changes: Changes, expected_version: int | None = None, actor: Actor
) -> Member:
    """Change what is given and return the member as it is now.

    With ``expected_version`` the change is made only if nobody changed the member
    since; a repeat of the same values changes nothing and keeps the version.
    """
    held = Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    if expected_version not in (None, held.version):
        raise ConflictVersion(version=held.version)
    cleaned = _cleaned(changes)
    fresh = {field: value for field, value in cleaned.items() if getattr(held, field) != value}
    if not fresh:
        return held
    for field, value in fresh.items():
        setattr(held, field, value)
    held.save(update_fields=list(fresh))
    trail.touch(held)
    after: dict[str, object] = {"fields": sorted(fresh)}
    trail.leave(kind="member.updated", member=held, after=after, actor=actor)
    return held


def _cleaned(changes: Changes) -> dict[str, object]:
    cleaned: dict[str, object] = {**changes}
    if "name" in changes:
        cleaned["name"] = _name(changes["name"])
    if "birth_date" in changes:
        cleaned["birth_date"] = _birth_date(changes["birth_date"])
    return cleaned
