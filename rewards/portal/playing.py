"""The panels of stamps, games and prize draws."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse

from members.models import Member
from rewards.models import AwardBalance, Draw, Game
from rewards.services.games.tokens import entry_token
from rewards.services.programmes import default_or_none
from rewards.services.stamps.reading import cards_of

MOST = 20
PLAYS, TICKETS = "game_plays", "draw_tickets"
#: More circles than this would not fit a phone: then a bar says it.
CIRCLES = 12


def stamps(member: Member, now: datetime) -> dict[str, Any] | None:
    """The card that is filling, of each programme of stamps."""
    programme = default_or_none()
    cards = cards_of(member=member, programme=programme) if programme else []
    rows = [
        {"card": card, "circles": _circles(card.stamps, card.programme.needed)} for card in cards
    ]
    return {"rows": rows} if rows else None


def _circles(stamps: int, needed: int) -> list[bool]:
    return [at < stamps for at in range(needed)] if needed <= CIRCLES else []


def games(member: Member, now: datetime) -> dict[str, Any] | None:
    """Games that run now, with the member's turns; two queries."""
    running = _open(Game.objects.filter(state=Game.State.RUNNING), now)
    turns = _balances(member, PLAYS)
    rows = [
        {
            "game": game,
            "turns": turns.get(game.code, 0),
            "url": reverse("play", args=[entry_token(game=game, member=member)]),
        }
        for game in running.order_by("id")[:MOST]
    ]
    return {"rows": rows} if rows else None


def draws(member: Member, now: datetime) -> dict[str, Any] | None:
    """Prize draws whose tickets are given now, or which were drawn, and the member's tickets."""
    shown = Draw.objects.filter(
        programme__is_default=True,
        state__in=[Draw.State.PUBLISHED, Draw.State.CLOSED, Draw.State.DRAWN],
    )
    tickets = _balances(member, TICKETS)
    rows = [
        {
            "draw": draw,
            "tickets": tickets.get(draw.code, 0),
            "url": reverse("verify-draw", args=[draw.public_id]),
        }
        for draw in shown.order_by("-draws_at", "-id")[:MOST]
    ]
    return {"rows": rows} if rows else None


def _open(games: Any, now: datetime) -> Any:
    begun = Q(starts_at=None) | Q(starts_at__lte=now)
    return games.filter(begun, Q(ends_at=None) | Q(ends_at__gt=now), programme__is_default=True)


def _balances(member: Member, kind: str) -> dict[str, int]:
    """Never below zero, whatever returns took."""
    held = AwardBalance.objects.filter(member=member, kind=kind).values_list("code", "balance")
    return {code: max(balance, 0) for code, balance in held}
