"""The door for integrators: one noun a file."""

from members.api.views.assortment import (
    ListedViewSet,
    PriceListViewSet,
    PriceViewSet,
    ProductListViewSet,
    StockViewSet,
)
from members.api.views.cards import CardViewSet
from members.api.views.consents import ConsentViewSet
from members.api.views.groups import MemberTagViewSet, StoreGroupViewSet, TagViewSet
from members.api.views.people import IdentityViewSet, MemberViewSet
from members.api.views.products import CategoryViewSet, ProductViewSet
from members.api.views.stores import StoreViewSet

__all__ = [
    "CardViewSet",
    "CategoryViewSet",
    "ConsentViewSet",
    "IdentityViewSet",
    "ListedViewSet",
    "MemberTagViewSet",
    "MemberViewSet",
    "PriceListViewSet",
    "PriceViewSet",
    "ProductListViewSet",
    "ProductViewSet",
    "StockViewSet",
    "StoreGroupViewSet",
    "StoreViewSet",
    "TagViewSet",
]
