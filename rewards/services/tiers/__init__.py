"""Tiers: who rises, who is reviewed, who was put there by hand, and what comes next."""

from rewards.services.tiers.deciding import review_due, rise_members
from rewards.services.tiers.hand import end_tier, grant_tier
from rewards.services.tiers.ladders import ladder_of, save_structure
from rewards.services.tiers.night import rise_all
from rewards.services.tiers.outlook import Progress, drops_ahead, preview, progress_of
from rewards.services.tiers.own_figures import record_figure

__all__ = [
    "Progress",
    "drops_ahead",
    "end_tier",
    "grant_tier",
    "ladder_of",
    "preview",
    "progress_of",
    "record_figure",
    "review_due",
    "rise_all",
    "rise_members",
    "save_structure",
]
