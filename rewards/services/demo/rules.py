"""The demo's programme: what earns how much, and what is cheaper this week."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from rewards.models import Programme, Promotion
from rewards.services import promotions
from rewards.services.programmes import ensure_default

SETTINGS: dict[str, Any] = {
    "code": "main",
    "name": "Market Club",
    "currency": "USD",
    "time_zone": "America/New_York",
    "point_value_minor": 1,
    "max_points_share_percent": 50,
    "min_redeem_points": 50,
    "expiry": Programme.Expiry.ROLLING,
    "expiry_days": 365,
    "expiry_bucket": Programme.ExpiryBucket.MONTH,
    "debt_limit_points": 2000,
}
BANANAS = "1082185"
RULES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "coffee-double",
        "Double points on coffee",
        {
            "goods": {"include": {"categories": ["grocery/coffee"]}},
            "effects": [{"kind": "earn_rate", "points": 2, "per_minor": 100}],
        },
    ),
    (
        "banana-triple",
        "Triple points on bananas",
        {
            "goods": {"include": {"skus": [BANANAS]}},
            "effects": [{"kind": "earn_rate", "points": 3, "per_minor": 100}],
        },
    ),
    (
        "big-basket",
        "50 points for a basket from $100",
        {
            "when": {"all": [{"kind": "min_spend", "amount_minor": 10_000}]},
            "effects": [{"kind": "fixed_points", "points": 50}],
        },
    ),
    (
        "weekend-pastry",
        "Pastry 10 % off at the weekend",
        {
            "goods": {"include": {"categories": ["pastry"]}},
            "when": {
                "all": [
                    {"kind": "card", "shown": True},
                    {"kind": "schedule", "weekdays": [6, 7]},
                ]
            },
            "effects": [{"kind": "percent_off", "basis_points": 1000}],
        },
    ),
    (
        "five-off-seventy-five",
        "$5 off from $75 with a card",
        {
            "when": {
                "all": [
                    {"kind": "card", "shown": True},
                    {"kind": "min_spend", "amount_minor": 7500},
                ]
            },
            "effects": [{"kind": "amount_off", "amount_minor": 500}],
        },
    ),
)


@transaction.atomic
def start_programme(actor: Actor) -> Programme:
    """The default programme with the demo's rules; what somebody has changed since stays so.

    The rules hold since ever, so that the receipts of the past earn by them too.
    """
    programme = ensure_default(actor=actor, **SETTINGS)
    known = set(Promotion.objects.filter(programme=programme).values_list("code", flat=True))
    for code, name, definition in RULES:
        if code not in known:
            promotion = promotions.create(programme=programme, code=code, name=name, actor=actor)
            promotions.publish(promotion=promotion, definition=definition, actor=actor)
    return programme
