"""The buttons beside a card: which there are in each state, and the service behind each."""

from __future__ import annotations

from datetime import datetime

from loyalty_crm.kernel.actors import Actor
from members.forms import CardVerbForm
from members.models import Card, Member
from members.services import cards

_OPEN = {
    Card.Status.PREPARED: [],
    Card.Status.ISSUED: ["activate", "block", "replace", "close"],
    Card.Status.ACTIVE: ["block", "replace", "close"],
    Card.Status.BLOCKED: ["unblock", "replace", "close"],
    Card.Status.REPLACED: [],
    Card.Status.CLOSED: [],
}


def open_to(card: Card) -> list[tuple[str, str]]:
    """What may be done to the card as it stands: verb and title."""
    titles = {verb: str(title) for verb, title in CardVerbForm.VERBS}
    return [(verb, titles[verb]) for verb in _OPEN[Card.Status(card.status)]]


def do(
    *, verb: str, card: Card | None, reason: str, member: Member, at: datetime, actor: Actor
) -> None:
    if verb == "issue":
        cards.issue_card(member=member, occurred_at=at, actor=actor)
    elif card is None:
        raise ValueError(f"{verb} needs a card")
    elif verb == "activate":
        cards.activate_card(card=card, occurred_at=at, actor=actor)
    elif verb == "replace":
        cards.replace_card(card=card, reason=reason, occurred_at=at, actor=actor)
    else:
        by_reason = {
            "block": cards.block_card,
            "unblock": cards.unblock_card,
            "close": cards.close_card,
        }
        by_reason[verb](card=card, reason=reason, actor=actor)
