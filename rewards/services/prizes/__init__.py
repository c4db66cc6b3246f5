"""Prizes: given once for each cause, handed over with proof, taken back with a reason."""

from rewards.services.prizes.bounds import prize_settings, save_bounds
from rewards.services.prizes.giving import cancel_prize, give_prize, hand_over
from rewards.services.prizes.kinds import What, is_handed, what_faults
from rewards.services.prizes.turns import grant_turns, turns_of
from rewards.services.prizes.yearly import OverLimit, over_limit, tax_note

__all__ = [
    "OverLimit",
    "What",
    "cancel_prize",
    "give_prize",
    "grant_turns",
    "hand_over",
    "is_handed",
    "over_limit",
    "prize_settings",
    "save_bounds",
    "tax_note",
    "turns_of",
    "what_faults",
]
