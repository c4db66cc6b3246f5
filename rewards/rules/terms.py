"""The programme's settings that a receipt is priced under, and pinned with."""

from __future__ import annotations

from typing import Literal

import msgspec

Rounding = Literal["down", "half_up", "up", "carry"]
EarningBase = Literal["money", "net"]
PriceFloor = Literal["zero", "cost"]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Points are counted in the wallet's smallest unit, ``units_per_point`` to the point."""

    units_per_point: int = 1
    point_value_minor: int = 1
    rounding: Rounding = "down"
    earning_base: EarningBase = "money"
    max_points_share_percent: int = 50
    min_redeem_points: int = 0
    #: Of the shelf prices, what all discounts of a receipt together may take off.
    max_discount_percent: int = 100
    price_floor: PriceFloor = "zero"
    #: Whether prices include the tax of their goods.
    tax_mode: Literal["included", "on_top"] = "included"
    #: Of the shelf price of a line, what no promotion may go below.
    floor_percent: int = 0

    @property
    def bounds_lines(self) -> bool:
        """Whether prices have a floor above zero."""
        return self.price_floor != "zero" or self.floor_percent > 0

    def money_for(self, points: int) -> int:
        """Minor units that points pay: rounded down, so that conversion never creates value."""
        return points * self.point_value_minor // self.units_per_point

    def points_for(self, money_minor: int) -> int:
        """Points charged for an amount: rounded up, the mirror of ``money_for``."""
        return -(-money_minor * self.units_per_point // self.point_value_minor)
