"""Awards: what sales give besides discounts and points, made real and taken back.

``kinds`` is the one place that knows how a kind is fulfilled. A new kind of reward
adds a ``Fulfilment`` there and nothing else changes.
"""

from rewards.services.awards.giving import Sold, give_awards
from rewards.services.awards.taking import LostAward, take_awards_back

__all__ = ["LostAward", "Sold", "give_awards", "take_awards_back"]
