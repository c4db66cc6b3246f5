"""How often an action is rewarded: the name of the place that one event takes."""

from __future__ import annotations

from datetime import date


def slot_of(*, once: str, day: date, object_ref: str, event: str) -> str:
    """Events with the same slot exclude each other, per kind and member.

    ``day`` is that of the event by the programme's clock; ``event`` names the event itself.
    """
    match once:
        case "ever":
            return "ever"
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day:%Y-%m}"
        case "year":
            return f"{day:%Y}"
        case "object":
            return f"object:{object_ref}"
        case _:
            return f"event:{event}"
