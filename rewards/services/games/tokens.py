"""A way into a game without a log-in: a signed link for one member and one game, for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.core import signing

from members.models import Member
from rewards.models import Game

LIFETIME = timedelta(hours=2)
_SALT = "rewards.play"


@dataclass(frozen=True, slots=True)
class Entry:
    """Who plays what."""

    game: Game
    member: Member


def entry_token(*, game: Game, member: Member) -> str:
    """Good for two hours. It says who plays, and nothing that would help to guess a result."""
    ids = [game.public_id.hex, member.public_id.hex]
    return signing.dumps(ids, salt=_SALT, compress=True)


def opened(token: str) -> Entry | None:
    """What a token opens; None when it is forged, too old, or leads nowhere any more."""
    try:
        game_id, member_id = signing.loads(token, salt=_SALT, max_age=LIFETIME)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    game = Game.objects.select_related("programme").filter(public_id=game_id).first()
    member = Member.objects.filter(public_id=member_id, status=Member.Status.ACTIVE).first()
    return Entry(game, member) if game and member else None
