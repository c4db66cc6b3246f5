"""Tiers given and taken by hand, each with a reason and an end."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Member
from rewards.errors import TierUnknown
from rewards.models import TierStructure
from rewards.rules import tiers as rules
from rewards.rules.tiers import Counted, Verdict
from rewards.services.tiers.deciding import Case, Decided, cases_of, lock, write, zone_of
from rewards.services.tiers.figures import figures
from rewards.services.tiers.ladders import ladder_of


@transaction.atomic
def grant_tier(
    *,
    structure: TierStructure,
    member: Member,
    code: str,
    until: datetime,
    reason: str,
    actor: Actor,
) -> None:
    """Put a member on a tier until a moment, whatever was earned. Reviewed then like any other."""
    now = clock.now()
    if until <= now:
        raise ValidationFailed(pointer="/until")
    ladder = ladder_of(structure)
    level = next((one for one in ladder.levels if one.code == code), None)
    if level is None:
        raise TierUnknown(pointer="/tier", tiers=[one.code for one in ladder.levels])
    _by_hand(structure, member, Verdict(level, until, "granted"), now, reason, actor)


@transaction.atomic
def end_tier(*, structure: TierStructure, member: Member, reason: str, actor: Actor) -> None:
    """Take the tier away now. The next purchase or night may bring back what is earned."""
    _by_hand(structure, member, Verdict(None, None, "ended"), clock.now(), reason, actor)


def _by_hand(
    structure: TierStructure,
    member: Member,
    verdict: Verdict,
    now: datetime,
    reason: str,
    actor: Actor,
) -> None:
    if not reason.strip():
        raise ValidationFailed(pointer="/reason")
    lock(structure)
    case = _case(structure, member)
    ladder, zone = ladder_of(structure), zone_of(structure)
    span = rules.window_span(ladder, now, case.enrolled_on, zone)
    counted = figures(structure, ladder, {member.pk: span}).get(member.pk, Counted())
    decided = [Decided(case, verdict, counted, span.begins)]
    write(structure, ladder, decided, now, reason=reason, actor=actor.label)
    audit.record(
        action=f"tier.{verdict.cause}",
        object_type="member",
        object_id=str(member.public_id),
        after={"structure": structure.code, "tier": verdict.level.code if verdict.level else None},
        reason=reason,
        actor=actor,
    )


def _case(structure: TierStructure, member: Member) -> Case:
    found = cases_of(structure, [member.pk])
    if not found:
        raise ValidationFailed(pointer="/member")
    return found[0]
