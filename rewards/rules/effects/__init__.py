"""What a promotion does. Every kind is one class; ``EFFECTS`` is the registry."""

from __future__ import annotations

from typing import Annotated, TypeAlias, Union

from pydantic import Field

from rewards.rules.effects.awards import (
    AddTag,
    CharityPledge,
    DrawTickets,
    FreeDelivery,
    GamePlays,
    Gift,
    Message,
    NextCoupon,
    Stamps,
)
from rewards.rules.effects.base import (
    Award,
    AwardEffect,
    Discount,
    EffectBase,
    Phase,
    PointsEffect,
)
from rewards.rules.effects.pieces import BundleOff, BuyGet, PiecesOff, SetPrice
from rewards.rules.effects.points import (
    BASE_UNIT,
    Cashback,
    EarningBase,
    EarnPerItem,
    EarnRate,
    FixedPoints,
    MultiplyPoints,
    TieredPoints,
    base_units,
    in_base_units,
)
from rewards.rules.effects.prices import (
    AmountOff,
    AmountOffEach,
    CumulativeOff,
    FixedPrice,
    PercentOff,
    PriceFromList,
    TieredOff,
)

__all__ = [
    "BASE_UNIT", "EFFECTS", "Award", "AwardEffect", "Discount", "EarningBase", "Effect",
    "EffectBase", "MultiplyPoints", "Phase", "PointsEffect", "base_units", "in_base_units",
]  # fmt: skip

#: The registry. A new kind is a class and its name here; schema, parser and editor follow.
EFFECTS: tuple[type[EffectBase], ...] = (
    FixedPrice, PriceFromList, PercentOff, AmountOff, AmountOffEach, TieredOff,
    CumulativeOff, PiecesOff, SetPrice, BundleOff, BuyGet,
    EarnRate, EarnPerItem, Cashback, MultiplyPoints, FixedPoints, TieredPoints,
    Gift, FreeDelivery, Stamps, NextCoupon, DrawTickets, GamePlays, AddTag, CharityPledge, Message,
)  # fmt: skip

Effect: TypeAlias = Annotated[
    Union[  # noqa: UP007 (read by pydantic)
        FixedPrice, PriceFromList, PercentOff, AmountOff, AmountOffEach, TieredOff,
        CumulativeOff, PiecesOff, SetPrice, BundleOff, BuyGet,
        EarnRate, EarnPerItem, Cashback, MultiplyPoints, FixedPoints, TieredPoints,
        Gift, FreeDelivery, Stamps, NextCoupon, DrawTickets, GamePlays, AddTag, CharityPledge,
        Message,
    ],
    Field(discriminator="kind"),
]  # fmt: skip
