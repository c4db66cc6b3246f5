"""The panel of tiers: where the member stands, and how far it is to the next step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
    ahead, keep = progress.next_tier, progress.to_keep
    names = dict(structure.tiers.values_list("code", "name"))
    reached = progress.value * 100 // ahead.threshold if ahead and ahead.threshold else 100
    return {
        "ladder": structure.name,
        "progress": progress,
        "tier": names.get(progress.tier.code, "") if progress.tier else "",
        "next": names.get(ahead.code, "") if ahead else "",
        "percent": min(max(reached, 0), 100),
        "missing": figures(structure, progress.missing, progress.missing_visits),
        "to_keep": figures(structure, keep.value, keep.visits) if keep else "",
    }


def figures(structure: TierStructure, value: int, visits: int) -> str:
    """What is still missing of one or both; empty when nothing is."""
    words = [amount(structure, value)] if value > 0 else []
    if visits > 0:
        count = {"count": visits}
        words.append(ngettext("%(count)s purchase", "%(count)s purchases", visits) % count)
    return ", ".join(words)


def amount(structure: TierStructure, figure: int) -> str:
    """In the unit of what counts: money, points, or a plain number of visits."""
    match structure.metric:
        case TierStructure.Metric.SPEND:
            return Money(figure, structure.programme.currency).format()
        case TierStructure.Metric.VISITS:
            count = {"count": Points(figure).format()}
            return ngettext("%(count)s purchase", "%(count)s purchases", figure) % count
        case TierStructure.Metric.POINTS:
            points = {"points": Points(figure, structure.programme.points_scale).format()}
            return _("%(points)s points") % points
    return Points(figure).format()
