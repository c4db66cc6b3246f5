"""When a promotion applies. Every kind is one class; ``CONDITIONS`` is the registry."""

from __future__ import annotations

from typing import Annotated, TypeAlias, Union

from pydantic import Field

from rewards.rules.conditions.base import ConditionBase, Goods, GoodsCondition, Miss, fewer
from rewards.rules.conditions.goods import (
    BasketCosts,
    BasketItems,
    BasketKinds,
    BundleItem,
    BuysTogether,
    SpendsAtLeast,
    TakesAtLeast,
)
from rewards.rules.conditions.people import (
    AgedBetween,
    BoughtInWindow,
    EnrolledFor,
    FirstOfCategory,
    HasTag,
    InSegment,
    LastBought,
    NearBirthday,
    NthPurchase,
    OnTier,
    WithCard,
)
from rewards.rules.conditions.places import (
    CouponShown,
    InChannels,
    InStoreGroups,
    InStores,
    PaidWith,
)
from rewards.rules.conditions.times import OnSchedule

__all__ = [
    "CONDITIONS", "BundleItem", "BuysTogether", "Condition", "ConditionBase", "Goods",
    "GoodsCondition", "Miss", "OnSchedule", "fewer",
]  # fmt: skip

#: The registry. A new kind is a class and its name here; schema, parser and editor follow.
CONDITIONS: tuple[type[ConditionBase], ...] = (
    SpendsAtLeast, TakesAtLeast, BasketCosts, BasketItems, BasketKinds, BuysTogether,
    CouponShown, PaidWith, InStores, InStoreGroups, InChannels, OnSchedule,
    WithCard, HasTag, InSegment, OnTier, AgedBetween, NearBirthday, EnrolledFor,
    NthPurchase, LastBought, FirstOfCategory, BoughtInWindow,
)  # fmt: skip

Condition: TypeAlias = Annotated[
    Union[  # noqa: UP007 (read by pydantic)
        SpendsAtLeast, TakesAtLeast, BasketCosts, BasketItems, BasketKinds, BuysTogether,
        CouponShown, PaidWith, InStores, InStoreGroups, InChannels, OnSchedule,
        WithCard, HasTag, InSegment, OnTier, AgedBetween, NearBirthday, EnrolledFor,
        NthPurchase, LastBought, FirstOfCategory, BoughtInWindow,
    ],
    Field(discriminator="kind"),
]  # fmt: skip
