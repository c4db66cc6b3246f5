"""What comes next: a member's way to the next tier, who will drop, what an edit would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from members.models import Member
from rewards.models import Tier, TierMembership, TierStructure
from rewards.rules import tiers as rules
from rewards.rules.tiers import Counted, Ladder, Level
from rewards.services.tiers.deciding import CHUNK, Case, cases_of, zone_of
from rewards.services.tiers.figures import figures
from rewards.services.tiers.ladders import Step, ladder_of, ladder_with

MOST_DROPS = 200


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a member stands and what is missing; figures in the unit of what counts.

    ``visits``: None where no tier asks for purchases. ``to_keep``: what the review
    would still want today; None without a tier.
    """

    tier: Level | None
    since: datetime | None
    valid_until: datetime | None
    value: int
    visits: int | None
    next_tier: Level | None
    missing: int
    missing_visits: int
    to_keep: Counted | None


def progress_of(*, structure: TierStructure, member: Member, now: datetime) -> Progress:
    """Five queries."""
    ladder, zone = ladder_of(structure), zone_of(structure)
    case = (cases_of(structure, [member.pk]) or [_stranger(structure, member)])[0]
    span = rules.window_span(ladder, now, case.enrolled_on, zone)
    counted = figures(structure, ladder, {member.pk: span}).get(member.pk, Counted())
    held, standing = case.membership, case.standing
    ahead = rules.missing(ladder, standing, counted)
    return Progress(
        tier=ladder.level(standing.tier_id) if standing else None,
        since=held.since if held else None,
        valid_until=held.valid_until if held else None,
        value=counted.value,
        visits=counted.visits if ladder.asks_visits else None,
        next_tier=ahead[0] if ahead else None,
        missing=ahead[1].value if ahead else 0,
        missing_visits=ahead[1].visits if ahead else 0,
        to_keep=_to_keep(structure, ladder, case, now) if standing else None,
    )


def _to_keep(structure: TierStructure, ladder: Ladder, case: Case, now: datetime) -> Counted:
    assert case.standing is not None
    span = rules.review_span(ladder, case.standing, now, case.enrolled_on, zone_of(structure))
    counted = figures(structure, ladder, {case.member_id: span}).get(case.member_id, Counted())
    return rules.lacking(ladder, ladder.level(case.standing.tier_id), counted)


def _stranger(structure: TierStructure, member: Member) -> Case:
    """A member who takes no part, blocked or closed: shown, never moved."""
    enrolled = member.enrolled_at.astimezone(zone_of(structure)).date()
    held = TierMembership.objects.filter(structure=structure, member=member).first()
    return Case(member.pk, str(member.public_id), enrolled, held)


@dataclass(frozen=True, slots=True)
class Drop:
    """A member who would not keep the tier if the review were today."""

    membership: TierMembership
    reviewed_on: datetime
    missing: Counted


def drops_ahead(*, structure: TierStructure, now: datetime, days: int = 60) -> list[Drop]:
    """Of those whose time ends within so many days, the first 200 who miss something."""
    ladder, zone = ladder_of(structure), zone_of(structure)
    ending = TierMembership.objects.filter(
        structure=structure, valid_until__lte=now + timedelta(days=days)
    ).select_related("tier", "member")
    held = {one.member_id: one for one in ending.order_by("valid_until", "pk")[:CHUNK]}
    cases = [case for case in cases_of(structure, list(held)) if case.standing]
    spans = {
        case.member_id: rules.review_span(ladder, case.standing, now, case.enrolled_on, zone)
        for case in cases
        if case.standing
    }
    found = figures(structure, ladder, spans)
    drops = [
        Drop(one, one.valid_until + timedelta(days=ladder.grace_days), lacking)
        for member_id in spans
        if (one := held[member_id])
        and any(lacking := _lacks(ladder, one, found.get(member_id, Counted())))
    ]
    return sorted(drops, key=lambda drop: (drop.reviewed_on, drop.membership.pk))[:MOST_DROPS]


def _lacks(ladder: Ladder, held: TierMembership, counted: Counted) -> Counted:
    return rules.lacking(ladder, ladder.level(held.tier_id), counted)


@dataclass(slots=True)
class Preview:
    """What new thresholds would do: members by tier now and then, who rises, who may drop.

    Nobody drops at once: those keep their tier until its time is over.
    """

    now: Counter[str] = field(default_factory=Counter)
    then: Counter[str] = field(default_factory=Counter)
    rising: int = 0
    at_risk: int = 0


def preview(*, structure: TierStructure, steps: Sequence[Step], now: datetime) -> Preview:
    """Count over all members, in chunks; writes nothing."""
    tiers = [
        Tier(pk=-no, code=step.code, rank=no, threshold=step.threshold, visits=step.visits)
        for no, step in enumerate(steps)
    ]
    found, last = Preview(), 0
    while ids := list(
        Member.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]
    ):
        _preview_chunk(structure, tiers, ids, now, found)
        last = ids[-1]
    return found


def _preview_chunk(
    structure: TierStructure, tiers: Sequence[Tier], ids: list[int], now: datetime, found: Preview
) -> None:
    ladder, zone = ladder_with(structure, tiers), zone_of(structure)
    rank_of = {tier.code: tier.rank for tier in tiers}
    names = dict(structure.tiers.values_list("pk", "code")) if structure.pk else {}
    cases = cases_of(structure, ids)
    spans = {
        case.member_id: rules.window_span(ladder, now, case.enrolled_on, zone) for case in cases
    }
    counts = figures(structure, ladder, spans)
    for case in cases:
        held = names[case.standing.tier_id] if case.standing else ""
        reached = ladder.level_for(counts.get(case.member_id, Counted()))
        then = reached.code if reached else ""
        found.now[held] += 1
        found.then[then] += 1
        before, after = rank_of.get(held, -1), rank_of.get(then, -1)
        found.rising += after > before
        found.at_risk += after < before
