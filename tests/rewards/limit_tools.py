"""Promotions with counted limits, and the tills that meet them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import LimitCounter
from rewards.services import promotions, rule_sets
from rewards.services.limits.audit import audit_limits
from tests.factories.promotions import make_promotion
from tests.rewards.till_client import Till, basket, line, purchase

TEN_OFF = {"kind": "amount_off", "amount_minor": 10_00}
BONUS = {"kind": "fixed_points", "points": 30}


def limited(code: str, effect: dict[str, Any], *limits: dict[str, Any], **parts: Any) -> Any:
    """A live promotion of the default programme under these limits."""
    return make_promotion(
        rule_sets.default_programme(), code, effect, limits=list(limits), **parts
    ).promotion


def limit(per: str, what: str, most: int, **more: Any) -> dict[str, Any]:
    if per in ("week", "month", "quarter", "year"):
        more, per = {**more, "period": per}, "period"
    return {"per": per, "what": what, "max": most, **more}


def sell(till: Till, shop: Any, number: str, price: int = 50_00, **details: Any) -> Any:
    """One piece of tea, or other lines; the answer as JSON."""
    lines = details.pop("lines", None) or [line("tea", price)]
    said = purchase(shop, number, *lines, **details)
    answer = till.post("purchases", said)
    assert answer.status_code == 201, answer.content
    return answer.json()


def reserve(till: Till, shop: Any, **details: Any) -> Any:
    """A quote for one piece of tea that keeps what it promises."""
    said = basket(shop, line("tea", 50_00), reserve=True, **details)
    return till.post("quotes", said).json()


def off(sold: dict[str, Any]) -> int:
    return int(sold["totals"]["discount"]["amount"])


def used(**name: Any) -> list[tuple[int, int]]:
    """(used, held) of the counters of this name."""
    return list(LimitCounter.objects.filter(**name).order_by("id").values_list("used", "held"))


def books() -> list[str]:
    """What the proof of the counters finds wrong."""
    return [finding.check for finding in audit_limits()]


def at(days_ago: int = 0, hour: int = 12) -> str:
    """A moment so many days ago."""
    day = clock.now() - timedelta(days=days_ago)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0).isoformat()


def decision(said: Any, code: str = "promo") -> Any:
    """What one promotion decided about a quote or a sale."""
    [found] = [one for one in said["decisions"] if one["promotion"] == code]
    return found


def reword(promo: Any, *limits: dict[str, Any]) -> None:
    """The next wording of the promotion, under other limits."""
    promotions.publish(
        promotion=promo, definition={"effects": [TEN_OFF], "limits": list(limits)}, actor=SYSTEM
    )
