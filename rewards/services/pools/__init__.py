"""The pool of a household: shares that flow in, points that are spent, what a leaver takes."""

from rewards.services.pools.leaving import leave, part_of
from rewards.services.pools.moving import draw, open_pool, put_in

__all__ = ["draw", "leave", "open_pool", "part_of", "put_in"]
