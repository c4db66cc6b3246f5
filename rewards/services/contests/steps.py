"""The steps of a contest: open, closed for works, called off."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import ContestInvalid, ContestState
from rewards.models import Contest
from rewards.services.contests.editing import missing_of

State = Contest.State


@transaction.atomic
def open_contest(*, contest: Contest, actor: Actor) -> Contest:
    """Works may come in. Its terms stay from now on. Refused with all that is missing."""
    held = locked(contest, State.DRAFT)
    if missing := missing_of(held):
        raise ContestInvalid(errors=missing)
    return go(held, State.OPEN, actor)


@transaction.atomic
def close_entries(*, contest: Contest, actor: Actor) -> Contest:
    """No more works: the jury begins. Works nobody has looked at hold it up."""
    held = locked(contest, State.OPEN)
    if count := held.entries.filter(state="submitted").count():
        raise ContestState(_("Look at every work first."), state=held.state, waiting=count)
    return go(held, State.JUDGING, actor)


@transaction.atomic
def cancel_contest(*, contest: Contest, reason: str, actor: Actor) -> Contest:
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    held = locked(contest, State.DRAFT, State.OPEN, State.JUDGING)
    return go(held, State.CANCELLED, actor, reason)


def locked(contest: Contest, *allowed: Contest.State) -> Contest:
    """The contest under its lock; refused unless it is in one of the states."""
    contests = Contest.objects.select_related("programme")
    held = contests.select_for_update(of=("self",), no_key=True).get(pk=contest.pk)
    if held.state not in allowed:
        raise ContestState(state=held.state)
    return held


def go(contest: Contest, state: Contest.State, actor: Actor, reason: str = "") -> Contest:
    before, contest.state = contest.state, state
    contest.save(update_fields=["state"])
    event = f"contest.{state.value}"
    outbox.emit(event, object_type="contest", object_id=str(contest.public_id))
    audit.record(
        action=event,
        object_type="contest",
        object_id=str(contest.public_id),
        before={"state": before},
        after={"state": state},
        reason=reason,
        actor=actor,
    )
    return contest
