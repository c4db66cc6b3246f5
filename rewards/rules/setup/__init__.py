"""A ready programme from a few answers: what to sell by, what to give back, whom to win. Pure."""

from __future__ import annotations

from rewards.rules.setup.answers import GOALS, TRADES, Answers, Goal, Trade
from rewards.rules.setup.plan import Gift, Offer, Plan, StampPlan, TierPlan, free_piece, plan_for
from rewards.rules.setup.year import Year, usual_year

__all__ = [
    "GOALS",
    "TRADES",
    "Answers",
    "Gift",
    "Goal",
    "Offer",
    "Plan",
    "StampPlan",
    "TierPlan",
    "Trade",
    "Year",
    "free_piece",
    "plan_for",
    "usual_year",
]
