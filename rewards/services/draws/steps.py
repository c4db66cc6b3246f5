"""The steps of a draw that are decisions of people: publish, cancel, finish."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import DrawInvalid, DrawState
from rewards.models import Draw, DrawWinner
from rewards.rules import fair
from rewards.services.draws.editing import missing_of

State = Draw.State


@transaction.atomic
def publish_draw(*, draw: Draw, actor: Actor) -> Draw:
    """Show the draw to everybody, and commit its seed. Locks the draw.

    From now on its terms and prizes stay as they are. Refused with all that is missing.
    """
    held = locked(draw, State.DRAFT)
    if missing := missing_of(held):
        raise DrawInvalid(errors=missing)
    held.seed = fair.new_seed()
    held.seed_hash = fair.commitment(held.seed)
    held.state = State.PUBLISHED
    held.save(update_fields=["seed", "seed_hash", "state"])
    tell(held, "draw.published", actor, {"seed_hash": held.seed_hash})
    return held


@transaction.atomic
def cancel_draw(*, draw: Draw, reason: str, actor: Actor) -> Draw:
    """Call a draw off before its winners are known. Locks the draw."""
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    held = locked(draw, State.DRAFT, State.PUBLISHED, State.CLOSED)
    held.state = State.CANCELLED
    held.save(update_fields=["state"])
    tell(held, "draw.cancelled", actor, {}, reason)
    return held


@transaction.atomic
def finish_draw(*, draw: Draw, actor: Actor) -> Draw:
    """Every prize is handed over, or has nobody left to go to. Locks the draw."""
    held = locked(draw, State.DRAWN)
    waiting = held.winners.filter(state__in=[DrawWinner.State.ASKED, DrawWinner.State.ACCEPTED])
    if count := waiting.count():
        raise DrawState(
            _("Some winners still wait for their prize."), state=held.state, waiting=count
        )
    held.state = State.HANDED_OVER
    held.save(update_fields=["state"])
    tell(held, "draw.handed_over", actor, {})
    return held


def locked(draw: Draw, *allowed: Draw.State) -> Draw:
    """The draw under its lock; refused unless it is in one of the states."""
    draws = Draw.objects.select_related("programme").select_for_update(of=("self",), no_key=True)
    held = draws.get(pk=draw.pk)
    if held.state not in allowed:
        raise DrawState(state=held.state)
    return held


def tell(draw: Draw, event: str, actor: Actor, data: dict[str, object], reason: str = "") -> None:
    told: dict[str, object] = {"code": draw.code, **data}
    outbox.emit(event, object_type="draw", object_id=str(draw.public_id), data=told)
    audit.record(
        action=event,
        object_type="draw",
        object_id=str(draw.public_id),
        after={"state": draw.state, **data},
        reason=reason,
        actor=actor,
    )
