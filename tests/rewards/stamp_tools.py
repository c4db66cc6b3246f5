"""Stamp cards as tests set them up: a shop whose cups of coffee are stamped."""

from __future__ import annotations

from typing import Any

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Member
from rewards.models import AwardMove, StampCard, StampProgramme
from rewards.services.programmes import default_programme
from rewards.services.stamps import books
from rewards.services.stamps.programmes import create_stamp_programme

POINTS = {"reward_kind": "points", "reward_amount": 50}
#: A promotion that stamps every piece of coffee.
CUPS = {
    "effects": [{"kind": "stamps", "code": "cup", "per": "item"}],
    "goods": {"include": {"skus": ["coffee"]}},
}
SUM = {"effects": [{"kind": "stamps", "code": "hundred", "per": "amount", "per_minor": 1}]}


def stamp_programme(code: str = "cup", needed: int = 10, **terms: Any) -> StampProgramme:
    known = {"code": code, "name": code, "needed": needed, **POINTS, **terms}
    return create_stamp_programme(programme=default_programme(), terms=known, actor=SYSTEM)


def stamps_of(member: Member, code: str = "cup") -> int:
    return books.balance_of(member.pk, code)


def cards_of(member: Member, state: str = "full") -> int:
    return StampCard.objects.filter(member=member, state=state).count()


def books_agree() -> bool:
    """Every full card took its stamps out of the books exactly once, every undone one gave back."""
    for card in StampCard.objects.all():
        own = AwardMove.objects.filter(member=card.member_id, reason__contains=str(card.public_id))
        left = sum(own.values_list("amount", flat=True))
        wanted = -card.stamps if card.state == "full" else 0
        if left + (card.forfeited if card.state == "full" else 0) != wanted:
            return False
    return True
