"""A stamp card as a picture: a grid of fields, the full ones filled, the reward on the last."""

from __future__ import annotations

from typing import Any

from django import template

from loyalty_crm.kernel.money import Money
from rewards.models import StampProgramme

register = template.Library()
MOST_FIELDS = 30
SIZE = 44


@register.inclusion_tag("stamps/_grid.html")
def stamp_grid(programme: StampProgramme, stamps: int) -> dict[str, Any]:
    """Cards of many fields, and sums of money, are a bar."""
    needed = max(int(programme.needed or 1), 1)
    have = min(max(stamps, 0), needed)
    percent = have * 100 // needed
    said = f"{amount(programme, stamps)} / {amount(programme, needed)}"
    if programme.is_sum or needed > MOST_FIELDS:
        return {"percent": percent, "said": said}
    across = needed if needed <= 6 else 4 if needed <= 8 else 5 if needed <= 15 else 6
    fields = [
        {
            "x": (no % across) * SIZE + SIZE // 2,
            "y": (no // across) * SIZE + SIZE // 2,
            "full": no < have,
            "sign": "★" if no == needed - 1 else str(no + 1),
        }
        for no in range(needed)
    ]
    rows = -(-needed // across)
    wide = min(needed, across) * SIZE
    return {"fields": fields, "wide": wide, "high": rows * SIZE, "said": said}


def amount(programme: StampProgramme, stamps: int) -> str:
    """Stamps are counted, a sum is money."""
    if not programme.is_sum:
        return str(stamps)
    return Money(stamps, programme.programme.currency).format()


@register.simple_tag
def stamps_text(programme: StampProgramme, stamps: int) -> str:
    return amount(programme, stamps)
