"""Bonuses: rewards for something else than a purchase, given once per cause and taken back once."""

from rewards.services.bonuses.giving import Due, give
from rewards.services.bonuses.taking import take_back

__all__ = ["Due", "give", "take_back"]
