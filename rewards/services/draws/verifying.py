"""A draw computed once more from the published list and seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from rewards.models import Draw, DrawWinner
from rewards.rules import fair
from rewards.services.draws.drawing import places_of
from rewards.services.draws.freezing import list_lines

#: Above this a page does not hash the list while somebody waits: the file is there for it.
MOST_HASHED = 200_000


@dataclass(frozen=True, slots=True)
class PlaceCheck:
    """One place: what the numbers say, and what was written."""

    place: fair.Place
    participant: str
    written: bool
    winner: DrawWinner | None


@dataclass(frozen=True, slots=True)
class CheckedDraw:
    """A draw and its proof. ``list_fits`` None: the list is too long to hash here."""

    draw: Draw
    message: str
    seed_fits: bool
    list_fits: bool | None
    places: tuple[PlaceCheck, ...]

    @property
    def agrees(self) -> bool:
        return (
            self.seed_fits
            and self.list_fits is not False
            and all(one.written for one in self.places)
        )


def check_draw(draw: Draw) -> CheckedDraw:
    """Recompute the winners of a draw whose seed is public. Two queries a place at most."""
    winners = {
        one.place: one for one in draw.winners.select_related("entry", "prize").order_by("place")
    }
    found = [_compared(place, winners) for place in places_of(draw, len(winners))]
    return CheckedDraw(
        draw=draw,
        message=fair.draw_message(str(draw.public_id), draw.list_hash, draw.beacon),
        seed_fits=fair.commitment(draw.seed) == draw.seed_hash,
        list_fits=_list_fits(draw),
        places=tuple(found),
    )


def _compared(place: fair.Place, winners: dict[int, DrawWinner]) -> PlaceCheck:
    winner = winners.get(place.place)
    written = bool(winner and winner.ticket == place.ticket and winner.entry.first == place.first)
    return PlaceCheck(place, winner.entry.participant if winner else "", written, winner)


def _list_fits(draw: Draw) -> bool | None:
    if draw.participants > MOST_HASHED:
        return None
    digest = hashlib.sha256()
    for line in list_lines(draw):
        digest.update(line.encode())
    return digest.hexdigest() == draw.list_hash
