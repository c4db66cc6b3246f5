"""What follows from a card for its holder: the tag of its type, its end, when it may pay."""

from __future__ import annotations

from datetime import date, datetime

from loyalty_crm.kernel.actors import Actor
from members.models import Card, CardType
from members.rules.cards import months_later
from members.services.groups import tag_member, untag_member


def default_type() -> CardType | None:
    """The type of cards that nobody has named one for."""
    return CardType.objects.filter(is_default=True).first()


def ends_on(card_type: CardType | None, issued_at: datetime) -> date | None:
    """The last day of a card handed out at the moment; None: it has none."""
    if card_type is None or not card_type.valid_months:
        return None
    return months_later(issued_at.date(), card_type.valid_months)


def follow(card: Card, actor: Actor) -> None:
    """Bring the tag of the card's type to the member, or take it off. Call it after the write.

    The member wears it while one card of the type is active; tags that others have
    put on, under the same word, stay.
    """
    if card.type is None or card.type.tag_id is None or card.member is None:
        return
    source = f"card:{card.type.code}"
    active = Card.objects.filter(
        member=card.member, type=card.type, status=Card.Status.ACTIVE
    ).exists()
    if active:
        tag_member(member=card.member, code=card.type.tag_id, source=source, actor=actor)
    else:
        untag_member(member=card.member, code=card.type.tag_id, source=source, actor=actor)
