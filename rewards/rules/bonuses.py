"""What a member may get for something else than a purchase, as a value that settings hold."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Kind = Literal["points", "coupon", "stamps", "draw_tickets", "game_plays", "tag"]

MOST: Final[dict[str, int]] = {"points": 10**9, "coupon": 10, "tag": 1}
MOST_COUNTED: Final = 1_000
LONGEST_DAYS: Final = 3_660


class RewardInvalid(ValueError):
    """``field`` names what is wrong."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(field)


class Reward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``amount`` in units of the kind: points in minor units, pieces of all else.

    ``code``: of the promotion whose coupons, the card whose stamps, the tag. Points
    live ``valid_days`` days, or as long as the programme says; coupons and tags too.
    """

    kind: Kind
    amount: int = 1
    code: str = ""
    valid_days: int | None = None


def checked(value: Any) -> Reward:
    """The reward that plain values describe; ``RewardInvalid`` when they describe none."""
    try:
        reward = msgspec.convert(value, Reward)
    except msgspec.ValidationError as error:
        raise RewardInvalid("reward") from error
    if not 1 <= reward.amount <= MOST.get(reward.kind, MOST_COUNTED):
        raise RewardInvalid("amount")
    if (reward.kind == "points") == bool(reward.code) or len(reward.code) > 80:
        raise RewardInvalid("code")
    if reward.valid_days is not None and not 1 <= reward.valid_days <= LONGEST_DAYS:
        raise RewardInvalid("valid_days")
    return reward


def plain(reward: Reward) -> dict[str, Any]:
    """As settings keep it."""
    values: dict[str, Any] = msgspec.to_builtins(reward)
    return values
