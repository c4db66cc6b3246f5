"""Where and how: stores, their groups, channels, coupons, the means of payment."""

from __future__ import annotations

from typing import Literal

from rewards.rules.basket import Basket
from rewards.rules.conditions.base import ConditionBase, Goods, Miss
from rewards.rules.needs import Needs
from rewards.rules.selectors import SomeCodes


class InStores(ConditionBase):
    """In one of these stores."""

    kind: Literal["stores"]
    codes: SomeCodes

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        return None if basket.store in self.codes else Miss("store", {"store": basket.store})

    def triggers(self) -> list[str]:
        return [f"store:{code}" for code in self.codes]


class InStoreGroups(ConditionBase):
    """In a store of one of these groups."""

    kind: Literal["store_groups"]
    codes: SomeCodes

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        if basket.store_groups.isdisjoint(self.codes):
            return Miss("store", {"store": basket.store})
        return None

    def triggers(self) -> list[str]:
        return [f"store_group:{code}" for code in self.codes]

    def needs(self) -> Needs:
        return Needs(store_groups=True)


class InChannels(ConditionBase):
    """Sold over one of these channels."""

    kind: Literal["channels"]
    codes: SomeCodes

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        return (
            None if basket.channel in self.codes else Miss("channel", {"channel": basket.channel})
        )

    def triggers(self) -> list[str]:
        return [f"channel:{code}" for code in self.codes]


class CouponShown(ConditionBase):
    """A coupon of one of these promotions was shown and holds."""

    kind: Literal["coupon"]
    codes: SomeCodes

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        if basket.coupons.isdisjoint(self.codes):
            return Miss("coupon", {"codes": list(self.codes[:5])})
        return None

    def triggers(self) -> list[str]:
        return [f"coupon:{code}" for code in self.codes]


class PaidWith(ConditionBase):
    """The till has named one of these means of payment."""

    kind: Literal["tender"]
    kinds: SomeCodes

    def miss(self, basket: Basket, goods: Goods) -> Miss | None:
        if basket.tenders.isdisjoint(self.kinds):
            return Miss("tender", {"kinds": list(self.kinds[:5])})
        return None

    def triggers(self) -> list[str]:
        return [f"tender:{kind}" for kind in self.kinds]

    def needs(self) -> Needs:
        return Needs(tenders=frozenset(self.kinds))
