"""The set-up wizard: a look at what it would make, and the making."""

from rewards.services.setup.making import Made, Worded, make_programme
from rewards.services.setup.planning import Draft, draft_of

__all__ = ["Draft", "Made", "Worded", "draft_of", "make_programme"]
