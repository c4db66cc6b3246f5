"""Cards that come to life by themselves: by a complete form, by a first purchase, by a code."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from members.models import Card, CardType, Identity, Member
from members.models.consents import Purpose
from members.services.cards import activate_card
from members.services.consents import has_consent

Activation = CardType.Activation


@transaction.atomic
def wake_cards(*, member: Member, activation: str, at: datetime, actor: Actor) -> int:
    """Activate the member's issued cards that wait for this; how many. A repeat finds none."""
    waiting = Card.objects.filter(
        member=member, status=Card.Status.ISSUED, type__activation=activation
    )
    cards = list(waiting.order_by("id"))
    for card in cards:
        activate_card(card=card, occurred_at=at, actor=actor)
    return len(cards)


def wake_by_form(*, member: Member, at: datetime, actor: Actor) -> int:
    """The same for those that wait for a complete form, when it is complete."""
    if not form_is_complete(member):
        return 0
    return wake_cards(member=member, activation=Activation.FORM, at=at, actor=actor)


def form_is_complete(member: Member) -> bool:
    """Name, birth date, a phone, and the consent to keep them."""
    if not (member.name and member.birth_date):
        return False
    phones = Identity.objects.filter(member=member, kind=Identity.Kind.PHONE)
    return phones.exists() and has_consent(member, Purpose.PERSONAL_DATA)
