"""The better tier stays when two members become one, and the old one comes back with the other."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Tier, TierEvaluation, TierMembership, TierStructure
from rewards.rules.tiers import Cause, Counted, Verdict
from rewards.services.tiers.deciding import Case, Decided, cases_of, lock, write
from rewards.services.tiers.ladders import ladder_of

MERGED = TierEvaluation.Cause.MERGED


def keep_better(*, programme: int, giver: int, taker: int, reference: str, actor: str) -> None:
    """On every ladder of the programme the taker gets the giver's tier when it is higher, or as
    high and lasts longer. Why is recorded. The giver's own standing is left as it is.

    Belongs inside the merge. Locks each ladder. A figure of the past moves nowhere: what both
    bought together counts when the purchases are one member's.
    """
    for structure in _structures(programme, giver):
        lock(structure)
        held = {
            one.member_id: one
            for one in TierMembership.objects.filter(
                structure=structure, member__in=[giver, taker]
            ).select_related("tier")
        }
        brought, own = held.get(giver), held.get(taker)
        if brought and (own is None or _worth(brought) > _worth(own)):
            _put(structure, taker, brought, reference, actor)


def _structures(programme: int, member: int) -> list[TierStructure]:
    standing = TierMembership.objects.filter(member=member).values("structure")
    found = TierStructure.objects.filter(programme=programme, pk__in=standing)
    return list(found.select_related("programme").order_by("pk"))


def _worth(one: TierMembership) -> tuple[int, float]:
    return one.tier.rank, one.valid_until.timestamp()


def _put(
    structure: TierStructure, taker: int, brought: TierMembership, reference: str, actor: str
) -> None:
    cases = cases_of(structure, [taker])
    if not cases:
        return
    _write(structure, cases[0], brought.tier, brought, "merged", reference, actor)
    TierMembership.objects.filter(structure=structure, member=taker).update(
        is_granted=brought.is_granted
    )


def _write(
    structure: TierStructure,
    case: Case,
    tier: Tier | None,
    lasting: TierMembership | TierEvaluation | None,
    cause: Cause,
    reference: str,
    actor: str,
) -> None:
    ladder, now = ladder_of(structure), clock.now()
    level = next((one for one in ladder.levels if tier and one.id == tier.pk), None)
    until = lasting.valid_until if lasting and level else None
    verdict = Verdict(level if until else None, until, cause)
    decided = [Decided(case, verdict, Counted(), now)]
    write(structure, ladder, decided, now, reason=reference, actor=actor)


def bring_back(*, programme: int, taker: int, reference: str, actor: str = SYSTEM.label) -> None:
    """The taker stands again where they stood before the merge of this reference.

    Only while the merge is the last that was decided: what was reached, reviewed or given
    since stays.
    """
    merges = TierEvaluation.objects.filter(
        structure__programme=programme, member=taker, cause=MERGED, reason=reference
    )
    for merge in merges.select_related("structure__programme", "from_tier").order_by("structure"):
        lock(merge.structure)
        if merge == _decisions(merge).first():
            _restore(merge, reference, actor)


def _restore(merge: TierEvaluation, reference: str, actor: str) -> None:
    earlier = _decisions(merge).filter(Q(at__lt=merge.at) | Q(at=merge.at, pk__lt=merge.pk)).first()
    for case in cases_of(merge.structure, [merge.member_id]):
        _write(merge.structure, case, merge.from_tier, earlier, "parted", reference, actor)
        if earlier:
            TierMembership.objects.filter(structure=merge.structure, member=merge.member_id).update(
                is_granted=earlier.cause == TierEvaluation.Cause.GRANTED
            )


def _decisions(one: TierEvaluation) -> QuerySet[TierEvaluation]:
    of_member = TierEvaluation.objects.filter(structure=one.structure, member=one.member_id)
    return of_member.order_by("-at", "-pk")
