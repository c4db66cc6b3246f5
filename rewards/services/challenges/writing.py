"""Challenges, badges and leaderboards as marketers set them up; each change leaves a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import StampTermsInvalid
from rewards.models import Badge, Challenge, ChallengeReward, ChallengeStep, Leaderboard
from rewards.services.stamps.programmes import reward_faults


@transaction.atomic
def save_challenge(
    *, challenge: Challenge, steps: Sequence[Mapping[str, Any]], actor: Actor
) -> Challenge:
    """Write the challenge and its steps. A step that somebody reached keeps its number.

    ``steps``: fields of ``ChallengeStep``. Refused: ``StampTermsInvalid``.
    """
    is_new = challenge.pk is None
    _refuse_steps(steps)
    challenge.save()
    wanted = {int(step["target"]): step for step in steps}
    reached = ChallengeReward.objects.filter(step__challenge=challenge)
    gone = challenge.steps.exclude(target__in=wanted)
    if gone.filter(pk__in=reached.values("step")).exists():
        message = _("A step that somebody has reached can't be taken away.")
        raise StampTermsInvalid(errors=[fault("/steps", "reached", message)])
    gone.delete()
    for target, step in wanted.items():
        ChallengeStep.objects.update_or_create(
            challenge=challenge, target=target, defaults={**step, "target": target}
        )
    said: dict[str, object] = {"code": challenge.code, "steps": sorted(wanted)}
    _record("challenge", challenge.public_id, is_new, said, actor)
    return challenge


def _refuse_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    errors = []
    targets = [int(step["target"]) for step in steps]
    if not targets or len(set(targets)) != len(targets):
        message = _("A challenge has at least one step, each at its own number.")
        errors.append(fault("/steps", "invalid", message))
    for step in steps:
        terms = {
            "kind": step["reward_kind"],
            "code": step["reward_code"],
            "amount": step["reward_amount"],
        }
        errors += reward_faults(terms)
    if errors:
        raise StampTermsInvalid(errors=errors)


@transaction.atomic
def save_leaderboard(*, board: Leaderboard, actor: Actor) -> Leaderboard:
    is_new = board.pk is None
    board.save()
    said: dict[str, object] = {"code": board.code, "score": board.score, "cycle": board.cycle}
    _record("leaderboard", board.public_id, is_new, said, actor)
    return board


@transaction.atomic
def save_badge(*, badge: Badge, actor: Actor) -> Badge:
    is_new = badge.pk is None
    badge.save()
    _record("badge", badge.code, is_new, {"code": badge.code}, actor)
    return badge


def _record(
    kind: str, object_id: object, is_new: bool, said: dict[str, object], actor: Actor
) -> None:
    audit.record(
        action=f"{kind}.{'created' if is_new else 'changed'}",
        object_type=kind,
        object_id=str(object_id),
        after=said,
        actor=actor,
    )
