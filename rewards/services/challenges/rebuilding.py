"""Proof of the counters: everybody counted anew by one statement a challenge."""

from __future__ import annotations

from typing import NamedTuple

from rewards.models import Challenge, ChallengeProgress
from rewards.services.challenges.counting import count_member
from rewards.services.challenges.figures import figures


class Wrong(NamedTuple):
    """A counter that does not say what the receipts say."""

    challenge: str
    member_id: int
    written: int
    counted: int


def find_wrong(challenge: Challenge) -> list[Wrong]:
    """Two statements, however many members."""
    counted = figures(challenge)
    written = dict(
        ChallengeProgress.objects.filter(challenge=challenge).values_list("member", "value")
    )
    members = sorted(counted.keys() | written.keys())
    return [
        Wrong(challenge.code, one, written.get(one, 0), counted.get(one, 0))
        for one in members
        if written.get(one, 0) != counted.get(one, 0)
    ]


def rebuild(challenge: Challenge) -> int:
    """Put right what is wrong, with its rewards; how many members. Each is a transaction."""
    wrong = find_wrong(challenge)
    for one in wrong:
        count_member(challenge=challenge, member_id=one.member_id)
    return len(wrong)
