"""The panel of tiers: where the member stands, and how far it is to the next step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from members.models import Member
from rewards.models import TierStructure
from rewards.services.tiers import progress_of


def standing(member: Member, now: datetime) -> dict[str, Any] | None:
    """Of the ladder that promotions read; None when there is none."""
    ladders = TierStructure.objects.filter(is_primary=True, programme__is_default=True)
    structure = ladders.select_related("programme").first()
    if structure is None:
        return None
    progress = progress_of(structure=structure, member=member, now=now)
    ahead = progress.next_tier
    reached = progress.value * 100 // ahead.threshold if ahead and ahead.threshold else 100
    return {
        "ladder": structure.name,
        "progress": progress,
        "percent": min(max(reached, 0), 100),
        "missing": amount(structure, progress.missing),
        "value": amount(structure, progress.value),
        "to_keep": amount(structure, progress.missing_to_keep) if progress.missing_to_keep else "",
        "metric": structure.metric,
    }


def amount(structure: TierStructure, figure: int) -> str:
    """In the unit of what counts: money, points, or a plain number of visits."""
    match structure.metric:
        case TierStructure.Metric.SPEND:
            return Money(figure, structure.programme.currency).format()
        case TierStructure.Metric.POINTS:
            return Points(figure, structure.programme.points_scale).format()
    return Points(figure).format()
