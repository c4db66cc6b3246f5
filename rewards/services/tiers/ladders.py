"""Ladders: from rows to the plain values that the rules work on, and their only editor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import TiersInvalid, TierStructureCodeTaken
from rewards.models import Programme, Tier, TierMembership, TierStructure
from rewards.rules import tiers as rules
from rewards.rules.tiers import Ladder, Level

MOST_TIERS = 20


@dataclass(frozen=True, slots=True)
class Step:
    """A tier as somebody words it; ``threshold`` in the unit of what counts.

    ``visits``: purchases beside it or in its place, as the ladder's ``needs`` says; None: neither.
    """

    code: str
    name: str
    threshold: int
    visits: int | None = None


def ladder_of(structure: TierStructure) -> Ladder:
    """One query."""
    return ladder_with(structure, list(structure.tiers.order_by("rank")))


def ladder_with(structure: TierStructure, tiers: Sequence[Tier]) -> Ladder:
    return Ladder(
        levels=tuple(Level(one.pk, one.code, one.rank, one.threshold, one.visits) for one in tiers),
        window=cast("rules.Window", structure.window),
        window_days=structure.window_days,
        term_days=structure.term_days,
        rises=cast("rules.Rises", structure.rises),
        needs=cast("rules.Needs", structure.needs),
        landing=cast("rules.Landing", structure.landing),
        grace_days=structure.grace_days,
    )


@transaction.atomic
def save_structure(
    *, structure: TierStructure, steps: Sequence[Step], actor: Actor, review_now: bool = False
) -> TierStructure:
    """Write a ladder with its tiers, from below. Locks the programme.

    Nobody moves by it at once: members keep their tier until its time is over,
    and rise with their next purchase or night. With ``review_now`` the time of
    those whose tier became dearer is over at once, and the grace begins; tiers
    given by hand keep theirs. A tier that somebody stands on, or ever stood on,
    can't be left out.
    """
    refuse_wrong(steps)
    Programme.objects.select_for_update(no_key=True).get(pk=structure.programme_id)
    refuse_taken(structure)
    if structure.is_primary:
        others = TierStructure.objects.filter(programme=structure.programme_id, is_primary=True)
        others.exclude(pk=structure.pk).update(is_primary=False)
    structure.save()
    dearer = _dearer(structure, steps)
    _write_steps(structure, steps)
    if review_now:
        _end_terms(structure, dearer)
    told: dict[str, object] = {step.code: step.threshold for step in steps}
    audit.record(
        action="tiers.saved",
        object_type="tier_structure",
        object_id=str(structure.public_id),
        after={**told, "review_now": review_now},
        actor=actor,
    )
    return structure


def _dearer(structure: TierStructure, steps: Sequence[Step]) -> list[int]:
    """Tiers that ask for more than they did."""
    asked = {step.code: step for step in steps}
    return [
        tier.pk
        for tier in structure.tiers.filter(code__in=asked)
        if tier.threshold < asked[tier.code].threshold
        or (tier.visits or 0) < (asked[tier.code].visits or 0)
    ]


def _end_terms(structure: TierStructure, tiers: Sequence[int]) -> None:
    now = clock.now()
    held = TierMembership.objects.filter(structure=structure, tier__in=tiers, is_granted=False)
    held.filter(valid_until__gt=now, since__lt=now).update(valid_until=now)


def refuse_taken(structure: TierStructure) -> None:
    known = TierStructure.objects.filter(programme=structure.programme_id, code=structure.code)
    if known.exclude(pk=structure.pk).exists():
        raise TierStructureCodeTaken(pointer="/code")


def refuse_wrong(steps: Sequence[Step]) -> None:
    errors: list[dict[str, Any]] = []
    if not 1 <= len(steps) <= MOST_TIERS:
        errors.append(fault("/tiers", "count", _("A ladder has 1 to 20 tiers."), max=MOST_TIERS))
    codes = [step.code for step in steps]
    if len(set(codes)) < len(codes):
        errors.append(fault("/tiers", "codes_differ", _("Two tiers have the same code.")))
    errors += [
        fault(
            f"/tiers/{codes.index(code)}/threshold",
            "must_rise",
            _("%(code)s must begin above the tier before it.") % {"code": code},
        )
        for code in rules.faults([(step.code, step.threshold) for step in steps])
    ]
    if errors:
        raise TiersInvalid(errors=errors)


def _write_steps(structure: TierStructure, steps: Sequence[Step]) -> None:
    """Ranks and thresholds may trade places, so they first step out of each other's way."""
    known = {tier.code: tier for tier in structure.tiers.all()}
    gone = [tier for code, tier in known.items() if code not in {step.code for step in steps}]
    try:
        structure.tiers.filter(pk__in=[tier.pk for tier in gone]).delete()
    except ProtectedError as used:
        codes = [tier.code for tier in gone]
        text = _("Members stand or stood on a tier that is left out.")
        raise TiersInvalid(errors=[fault("/tiers", "tier_in_use", text, codes=codes)]) from used
    for place, tier in enumerate(known[step.code] for step in steps if step.code in known):
        Tier.objects.filter(pk=tier.pk).update(rank=1_000 + place, threshold=10**12 - place)
    for rank, step in enumerate(steps):
        values = {"name": step.name, "rank": rank, "threshold": step.threshold}
        values["visits"] = step.visits
        Tier.objects.update_or_create(structure=structure, code=step.code, defaults=values)
