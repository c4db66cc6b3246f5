"""Rising after purchases and by night, and the reviews that are due.

One ladder is decided by one process at a time (an advisory lock of the
transaction): two tills' events about one member come one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Member
from rewards.models import TierEvaluation, TierMembership, TierStructure
from rewards.rules import tiers as rules
from rewards.rules.tiers import Counted, Ladder, Span, Standing, Verdict
from rewards.services.tiers.figures import figures
from rewards.services.tiers.ladders import ladder_of

CHUNK = 5_000
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('rewards.tiers'), %s)"


@dataclass(frozen=True, slots=True)
class Case:
    """One member before a decision."""

    member_id: int
    public_id: str
    enrolled_on: date
    membership: TierMembership | None

    @property
    def standing(self) -> Standing | None:
        held = self.membership
        return Standing(held.tier_id, held.valid_until) if held else None


@dataclass(frozen=True, slots=True)
class Decided:
    case: Case
    verdict: Verdict
    counted: Counted
    begins: datetime


def zone_of(structure: TierStructure) -> ZoneInfo:
    return ZoneInfo(structure.programme.time_zone)


def lock(structure: TierStructure) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [structure.pk])


def cases_of(structure: TierStructure, member_ids: Iterable[int]) -> list[Case]:
    """Active members with what they have now. Two queries; one for a ladder not saved yet."""
    zone, held = zone_of(structure), {}
    if structure.pk:
        known = TierMembership.objects.filter(structure=structure, member__in=member_ids)
        held = {one.member_id: one for one in known}
    members = Member.objects.filter(pk__in=member_ids, status=Member.Status.ACTIVE)
    rows = members.values_list("pk", "public_id", "enrolled_at").order_by("pk")
    return [
        Case(pk, str(public_id), enrolled.astimezone(zone).date(), held.get(pk))
        for pk, public_id, enrolled in rows
    ]


@transaction.atomic
def rise_members(
    *, structure: TierStructure, member_ids: Sequence[int], now: datetime | None = None
) -> int:
    """Lift those whose figure reaches a higher tier; return how many. Nobody is lowered.

    A repeat changes nothing. A fixed number of statements, however many members.
    """
    now = now or clock.now()
    lock(structure)
    ladder, zone = ladder_of(structure), zone_of(structure)

    def span(case: Case) -> Span:
        return rules.rising_span(ladder, now, case.enrolled_on, zone)

    def judge(case: Case, counted: Counted) -> Verdict | None:
        term = rules.rising_term(ladder, now, case.enrolled_on, zone)
        return rules.rise(ladder, case.standing, counted, term, now)

    return _decide(structure, ladder, cases_of(structure, member_ids), span, judge, now)


def review_due(*, structure: TierStructure, now: datetime | None = None) -> int:
    """Review everybody whose tier's time and grace are over; return how many were decided."""
    decided = 0
    while count := _review_chunk(structure, now or clock.now()):
        decided += count
    return decided


@transaction.atomic
def _review_chunk(structure: TierStructure, now: datetime) -> int:
    lock(structure)
    ladder, zone = ladder_of(structure), zone_of(structure)
    latest = now - timedelta(days=ladder.grace_days)
    due = TierMembership.objects.filter(structure=structure, valid_until__lte=latest)
    ids = due.filter(member__status=Member.Status.ACTIVE).order_by("valid_until", "pk")
    cases = cases_of(structure, list(ids.values_list("member_id", flat=True)[:CHUNK]))

    def span(case: Case) -> Span:
        assert case.standing is not None
        return rules.review_span(ladder, case.standing, now, case.enrolled_on, zone)

    def judge(case: Case, counted: Counted) -> Verdict | None:
        assert case.standing is not None
        term = rules.review_term(ladder, now, case.enrolled_on, zone)
        return rules.review(ladder, case.standing, counted, term)

    return _decide(structure, ladder, cases, span, judge, now)


def _decide(
    structure: TierStructure,
    ladder: Ladder,
    cases: Sequence[Case],
    span: Callable[[Case], Span],
    judge: Callable[[Case, Counted], Verdict | None],
    now: datetime,
) -> int:
    spans = {case.member_id: span(case) for case in cases}
    found = figures(structure, ladder, spans)
    decided = []
    for case in cases:
        counted = found.get(case.member_id, Counted())
        if verdict := judge(case, counted):
            decided.append(Decided(case, verdict, counted, spans[case.member_id].begins))
    write(structure, ladder, decided, now)
    return len(decided)


def write(
    structure: TierStructure,
    ladder: Ladder,
    decided: Sequence[Decided],
    now: datetime,
    *,
    reason: str = "",
    actor: str = SYSTEM.label,
) -> None:
    """The new standings, why they are so, and an event for each that changed."""
    thresholds = {level.code: level.threshold for level in ladder.levels}
    _write_standings(structure, decided, now)
    TierEvaluation.objects.bulk_create(
        [
            TierEvaluation(
                structure=structure,
                member_id=one.case.member_id,
                at=now,
                cause=one.verdict.cause,
                from_tier_id=one.case.standing.tier_id if one.case.standing else None,
                to_tier_id=one.verdict.level.id if one.verdict.level else None,
                value=one.counted.value,
                visits=one.counted.visits if ladder.asks_visits else None,
                window_from=one.begins,
                valid_until=one.verdict.valid_until,
                thresholds=thresholds,
                reason=reason,
                actor=actor,
            )
            for one in decided
        ]
    )
    _announce(structure, ladder, decided)


def _write_standings(structure: TierStructure, decided: Sequence[Decided], now: datetime) -> None:
    left = [one.case.member_id for one in decided if one.verdict.level is None]
    if left:
        TierMembership.objects.filter(structure=structure, member__in=left).delete()
    TierMembership.objects.bulk_create(
        [
            TierMembership(
                structure=structure,
                member_id=one.case.member_id,
                tier_id=one.verdict.level.id,
                since=_since(one, now),
                valid_until=one.verdict.valid_until,
                is_granted=one.verdict.cause == "granted",
            )
            for one in decided
            if one.verdict.level and one.verdict.valid_until
        ],
        update_conflicts=True,
        unique_fields=["structure", "member"],
        update_fields=["tier", "since", "valid_until", "is_granted"],
    )


def _since(one: Decided, now: datetime) -> datetime:
    held = one.case.membership
    is_same = held and one.verdict.level and held.tier_id == one.verdict.level.id
    return held.since if held and is_same else now


def _announce(structure: TierStructure, ladder: Ladder, decided: Sequence[Decided]) -> None:
    codes = {level.id: level.code for level in ladder.levels}
    events: list[tuple[str, dict[str, object]]] = []
    for one in decided:
        before = one.case.standing.tier_id if one.case.standing else None
        after = one.verdict.level.id if one.verdict.level else None
        if before != after:
            said: dict[str, object] = {"structure": structure.code, "from": codes.get(before or 0)}
            said |= {"to": codes.get(after or 0), "cause": one.verdict.cause}
            events.append((one.case.public_id, said))
    outbox.emit_many("member.tier_changed", object_type="member", events=events)
