"""The winners: computed from the seed and the frozen list, written once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import DrawState
from rewards.models import Draw, DrawEntry, DrawPrize, DrawWinner
from rewards.rules import fair
from rewards.services.draws.steps import locked, tell

State = Draw.State


@transaction.atomic
def draw_winners(*, draw: Draw, beacon: str = "", actor: Actor) -> Draw:
    """Draw all places at once: prizes from the first to the last, then reserves. Locks the draw.

    ``beacon`` is the public number when the rules name one. The seed is public
    from now on. A second call is refused: the winners stand.
    """
    held = locked(draw, State.CLOSED)
    now = clock.now()
    if held.draws_at is None or now < held.draws_at:
        raise DrawState(_("The day of the draw has not come."), state=held.state)
    held.beacon = _checked(held, beacon)
    prizes = [one for one in held.prizes.all() for _number in range(one.quantity)]
    entries = {place.place: place for place in places_of(held, len(prizes) + held.reserves)}
    DrawWinner.objects.bulk_create(_winners(held, prizes, entries, now))
    held.drawn_at, held.state = now, State.DRAWN
    held.save(update_fields=["beacon", "drawn_at", "state"])
    tell(held, "draw.drawn", actor, {"places": len(entries), "seed": held.seed})
    return held


def _checked(draw: Draw, beacon: str) -> str:
    beacon = beacon.strip()
    if bool(draw.beacon_source) != bool(beacon) or len(beacon) > 64:
        text = _("The rules name a public number: enter it.")
        none = _("The rules name no public number.")
        raise ValidationFailed(text if draw.beacon_source else none, pointer="/beacon")
    return beacon


def places_of(draw: Draw, places: int) -> Iterator[fair.Place]:
    """Places as the published numbers give them; one query a place."""
    message = fair.draw_message(str(draw.public_id), draw.list_hash, draw.beacon)
    return fair.draw_places(
        seed=draw.seed,
        message=message,
        tickets=draw.tickets,
        places=places,
        holder_of=lambda ticket: _holder(draw, ticket),
        once_each=draw.once_each,
    )


def _holder(draw: Draw, ticket: int) -> tuple[int, int]:
    held = DrawEntry.objects.filter(draw=draw, first__lte=ticket).order_by("-first")
    first, last = held.values_list("first", "last")[0]
    return first, last


def _winners(
    draw: Draw, prizes: Sequence[DrawPrize], places: dict[int, fair.Place], now: datetime
) -> list[DrawWinner]:
    firsts = [place.first for place in places.values()]
    entries = {one.first: one for one in DrawEntry.objects.filter(draw=draw, first__in=firsts)}
    return [
        DrawWinner(
            draw=draw,
            place=number,
            entry=entries[place.first],
            ticket=place.ticket,
            prize=prizes[number - 1] if number <= len(prizes) else None,
            state=DrawWinner.State.ASKED if number <= len(prizes) else DrawWinner.State.RESERVE,
            answer_by=now + timedelta(days=draw.answer_days) if number <= len(prizes) else None,
        )
        for number, place in places.items()
    ]
