"""Redemptions: rewards that members took, from the points to what is in their hands."""

from rewards.services.redemptions.codes import by_code, code_of
from rewards.services.redemptions.ending import cancel, expire_due
from rewards.services.redemptions.giving import Revealed, reveal
from rewards.services.redemptions.moving import confirm, fulfil
from rewards.services.redemptions.taking import redeem

__all__ = [
    "Revealed",
    "by_code",
    "cancel",
    "code_of",
    "confirm",
    "expire_due",
    "fulfil",
    "redeem",
    "reveal",
]
