"""The catalogue of rewards: written by marketers, judged for a member."""

from rewards.services.catalogue.shelf import Offer, lacks_of, offers_for
from rewards.services.catalogue.stock import add_codes, count_stock
from rewards.services.catalogue.words import sentence, sentences
from rewards.services.catalogue.writing import RewardTerms, save_reward, set_reward_state

__all__ = [
    "Offer",
    "RewardTerms",
    "add_codes",
    "count_stock",
    "lacks_of",
    "offers_for",
    "save_reward",
    "sentence",
    "sentences",
    "set_reward_state",
]
