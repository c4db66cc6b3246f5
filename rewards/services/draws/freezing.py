"""The list of participants is frozen: tickets are numbered, and the list gets its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from rewards.errors import DrawState
from rewards.models import Draw, DrawEntry
from rewards.services.draws.steps import locked, tell

State = Draw.State

# Tickets count that belong to sales of the time; what returns took counts up to this moment.
# The order is that of the participants' codes, which nobody chooses.
_FREEZE = """
WITH sums AS (
    SELECT m.member_id, sum(m.amount) FILTER (
               WHERE m.amount < 0 OR coalesce(a.occurred_at, m.recorded_at) < %(until)s) AS tickets
      FROM rewards_awardmove m LEFT JOIN rewards_award a ON a.id = m.award_id
     WHERE m.kind = 'draw_tickets' AND m.code = %(code)s
     GROUP BY m.member_id
), listed AS (
    SELECT s.member_id, s.tickets, left(encode(sha256(convert_to(
               %(draw)s || ':' || p.public_id::text, 'UTF8')), 'hex'), 16) AS participant
      FROM sums s JOIN members_member p ON p.id = s.member_id AND p.status = 'active'
     WHERE s.tickets > 0
), numbered AS (
    SELECT member_id, participant, tickets, sum(tickets) OVER (
               ORDER BY participant COLLATE "C", member_id) AS last
      FROM listed
)
INSERT INTO rewards_drawentry (draw_id, member_id, participant, first, last)
SELECT %(id)s, member_id, participant, last - tickets + 1, last FROM numbered
 ORDER BY last
"""


@transaction.atomic
def freeze_list(*, draw: Draw, actor: Actor) -> Draw:
    """Close the draw: number the tickets, and publish the SHA-256 of the list. Locks the draw.

    Refused before the last day of the tickets. Returns after this moment take
    no ticket of this draw away. One statement, however many participants.
    """
    held = locked(draw, State.PUBLISHED)
    now = clock.now()
    if held.ends_at is None or now < held.ends_at:
        raise DrawState(_("Tickets are still given."), state=held.state)
    values: dict[str, Any] = {"id": held.pk, "draw": str(held.public_id), "code": held.code}
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE, {**values, "until": held.ends_at})
    held.participants, held.tickets, held.list_hash = _summed(held)
    held.frozen_at, held.state = now, State.CLOSED
    held.save(update_fields=["participants", "tickets", "list_hash", "frozen_at", "state"])
    told: dict[str, object] = {"list_hash": held.list_hash, "tickets": held.tickets}
    tell(held, "draw.closed", actor, {**told, "participants": held.participants})
    return held


def list_lines(draw: Draw) -> Iterator[str]:
    """The list as it is published and hashed: participant, first and last ticket, a line each."""
    entries = DrawEntry.objects.filter(draw=draw).order_by("first")
    rows = entries.values_list("participant", "first", "last").iterator(chunk_size=5_000)
    for participant, first, last in rows:
        yield f"{participant},{first},{last}\n"


def _summed(draw: Draw) -> tuple[int, int, str]:
    digest, participants, tickets = hashlib.sha256(), 0, 0
    for line in list_lines(draw):
        digest.update(line.encode())
        participants += 1
        tickets = int(line.rpartition(",")[2])
    return participants, tickets, digest.hexdigest()


def close_due(now: datetime) -> int:
    """Freeze every draw whose time is over; how many were. A repeat finds them frozen."""
    due = list(Draw.objects.filter(state=State.PUBLISHED, ends_at__lte=now).order_by("ends_at"))
    done = 0
    for draw in due:
        try:
            freeze_list(draw=draw, actor=SYSTEM)
        except DrawState:  # somebody else was quicker
            continue
        done += 1
    return done
