"""A member's challenges and badges as they are shown."""

from __future__ import annotations

from datetime import date

import msgspec
from django.db.models import Q

from members.models import Member
from rewards.models import Challenge, ChallengeProgress, ChallengeReward, ChallengeStep, Programme

MOST = 100


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    step: ChallengeStep
    is_reached: bool


class ChallengeView(msgspec.Struct, frozen=True, kw_only=True):
    challenge: Challenge
    value: int
    steps: list[StepView]

    @property
    def goal(self) -> int:
        """The next step, or the last one when all are reached."""
        ahead = [one.step.target for one in self.steps if one.step.target > self.value]
        return min(ahead, default=max((one.step.target for one in self.steps), default=0))

    @property
    def percent(self) -> int:
        return min(self.value * 100 // self.goal, 100) if self.goal else 0


def challenges_of(*, member: Member, programme: Programme, today: date) -> list[ChallengeView]:
    """Those of today, as far as the member is. Four queries."""
    now = Q(starts_on__lte=today) & (Q(ends_on=None) | Q(ends_on__gte=today))
    running = Challenge.objects.running().filter(now, programme=programme)
    challenges = list(running.prefetch_related("steps__badge")[:MOST])
    values = dict(
        ChallengeProgress.objects.filter(member=member, challenge__in=challenges).values_list(
            "challenge", "value"
        )
    )
    reached = set(
        ChallengeReward.objects.filter(
            member=member, step__challenge__in=challenges, undone_at=None
        ).values_list("step", flat=True)
    )
    return [
        ChallengeView(
            challenge=one,
            value=values.get(one.pk, 0),
            steps=[StepView(step=step, is_reached=step.pk in reached) for step in one.steps.all()],
        )
        for one in challenges
    ]
