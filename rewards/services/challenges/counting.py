"""A member's progress, written down; steps that were reached reward once, and are undone."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import DomainError
from rewards.models import (
    Challenge,
    ChallengeProgress,
    ChallengeReward,
    ChallengeStep,
    MemberBadge,
)
from rewards.services.awards.presents import Occasion, give_present, take_present_back
from rewards.services.challenges.figures import figures
from rewards.services.ledger import lock_wallet, wallet_for

_NAMESPACE = uuid.UUID("5a0c3c1e-7a3b-4f0e-9d0b-2f6f9d7e4c11")
_HOLD = """
    INSERT INTO rewards_challengeprogress (challenge_id, member_id) VALUES (%s, %s)
    ON CONFLICT (member_id, challenge_id) DO UPDATE SET updated_at = now()
    RETURNING value
"""


@transaction.atomic
def count_member(*, challenge: Challenge, member_id: int) -> int:
    """Count one member anew; what is reached now. A repeat changes nothing.

    Holds the row of the progress before it looks, so of two events the later one sees all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [challenge.pk, member_id])
        before = cursor.fetchone()[0]
    value = figures(challenge, [member_id]).get(member_id, 0)
    if value != before:
        ChallengeProgress.objects.filter(challenge=challenge, member=member_id).update(value=value)
    _settle(challenge, member_id, value)
    return value


def _settle(challenge: Challenge, member_id: int, value: int) -> None:
    steps = list(challenge.steps.select_related("badge"))
    standing = {
        one.step_id: one
        for one in ChallengeReward.objects.filter(
            member=member_id, step__challenge=challenge, undone_at=None
        )
    }
    due = [step for step in steps if (step.target <= value) != (step.pk in standing)]
    if not due:
        return
    lock_wallet(wallet_for(member_id, challenge.programme).pk)
    now = clock.now()
    for step in due:
        if step.pk in standing:
            _undo(challenge, step, standing[step.pk], now)
        else:
            _give(challenge, step, member_id, now)


def _give(challenge: Challenge, step: ChallengeStep, member_id: int, now: datetime) -> None:
    known = ChallengeReward.objects.filter(member=member_id, step=step)
    turn = (known.aggregate(n=Max("turn"))["n"] or 0) + 1
    to = _occasion(challenge, step, member_id, turn, now)
    ChallengeReward.objects.create(
        step=step, member_id=member_id, turn=turn, reward=_present(step, to), given_at=now
    )
    if step.badge_id:
        MemberBadge.objects.get_or_create(
            badge_id=step.badge_id, member_id=member_id, defaults={"since": now}
        )
    _tell("challenge.step_reached", challenge, step, to)


def _present(step: ChallengeStep, to: Occasion) -> dict[str, Any]:
    """A reward that is refused (a frozen account) is said, and does not stop the counting."""
    try:
        with transaction.atomic():
            return give_present(terms=step.terms, to=to)
    except DomainError as refusal:
        return {**step.terms, "problem": refusal.code}


def _undo(challenge: Challenge, step: ChallengeStep, given: ChallengeReward, now: datetime) -> None:
    """Take back what can be; a reward that was used stays, and its step stays reached."""
    to = _occasion(challenge, step, given.member_id, given.turn, now)
    if not take_present_back(reward=given.reward, to=to):
        return
    given.undone_at = now
    given.save(update_fields=["undone_at"])
    _unwear(step, given.member_id)
    _tell("challenge.step_undone", challenge, step, to)


def _unwear(step: ChallengeStep, member_id: int) -> None:
    others = ChallengeReward.objects.filter(
        member=member_id, step__badge=step.badge_id, undone_at=None
    )
    if step.badge_id and not others.exists():
        MemberBadge.objects.filter(member=member_id, badge=step.badge_id).delete()


def _occasion(
    challenge: Challenge, step: ChallengeStep, member_id: int, turn: int, now: datetime
) -> Occasion:
    return Occasion(
        id=uuid.uuid5(_NAMESPACE, f"{step.pk}:{member_id}:{turn}"),
        name="challenge",
        reason=challenge.name,
        programme=challenge.programme,
        member_id=member_id,
        at=now,
        actor=SYSTEM,
    )


def _tell(event: str, challenge: Challenge, step: ChallengeStep, to: Occasion) -> None:
    data: dict[str, object] = {"challenge": challenge.code, "step": step.target}
    outbox.emit(event, object_type="challenge_step", object_id=str(to.id), data=data)
