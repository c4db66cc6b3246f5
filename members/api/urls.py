"""Addresses below /api/v1/ that belong to members."""

from __future__ import annotations

from django.urls import path
from rest_framework.viewsets import ViewSetMixin

from members.api import views

_OF_MEMBER = "members/<uuid:member_id>"
_NAMED: dict[str, type[ViewSetMixin]] = {
    "tag": views.TagViewSet,
    "store-group": views.StoreGroupViewSet,
    "product-list": views.ProductListViewSet,
    "price-list": views.PriceListViewSet,
}

urlpatterns = [
    path("members", views.MemberViewSet.as_view({"get": "list", "post": "create"}), name="members"),
    path("members/lookup", views.MemberViewSet.as_view({"post": "lookup"}), name="member-lookup"),
    path(
        _OF_MEMBER,
        views.MemberViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="member",
    ),
    path(
        f"{_OF_MEMBER}/identities",
        views.IdentityViewSet.as_view({"post": "create"}),
        name="member-identities",
    ),
    path(
        f"{_OF_MEMBER}/consents",
        views.ConsentViewSet.as_view({"get": "list", "post": "create"}),
        name="member-consents",
    ),
    path(
        f"{_OF_MEMBER}/cards",
        views.CardViewSet.as_view({"get": "list", "post": "create"}),
        name="member-cards",
    ),
    *[
        path(
            f"{_OF_MEMBER}/cards/{verb}",
            views.CardViewSet.as_view({"post": verb}),
            name=f"member-card-{verb}",
        )
        for verb in ("activate", "block", "unblock", "replace", "close")
    ],
    path(
        f"{_OF_MEMBER}/cards/code",
        views.CardViewSet.as_view({"post": "short_code"}),
        name="member-card-code",
    ),
    path(
        f"{_OF_MEMBER}/cards/pass",
        views.CardViewSet.as_view({"post": "wallet_pass"}),
        name="member-card-pass",
    ),
    path("products", views.ProductViewSet.as_view({"get": "list"}), name="products"),
    path("products/bulk", views.ProductViewSet.as_view({"post": "bulk"}), name="products-bulk"),
    path(
        "categories",
        views.CategoryViewSet.as_view({"get": "list", "put": "bulk"}),
        name="categories",
    ),
    path(
        f"{_OF_MEMBER}/tags",
        views.MemberTagViewSet.as_view({"get": "list"}),
        name="member-tags",
    ),
    path(
        f"{_OF_MEMBER}/tags/<str:code>",
        views.MemberTagViewSet.as_view({"put": "put", "delete": "remove"}),
        name="member-tag",
    ),
    *[
        route
        for name, view in _NAMED.items()
        for route in (
            path(f"{name}s", view.as_view({"get": "list"}), name=f"{name}s"),
            path(f"{name}s/<str:code>", view.as_view({"put": "put"}), name=name),
        )
    ],
    path(
        "product-lists/<str:code>/products",
        views.ListedViewSet.as_view({"get": "list", "put": "bulk"}),
        name="product-list-products",
    ),
    path(
        "price-lists/<str:code>/prices",
        views.PriceViewSet.as_view({"get": "list", "put": "bulk"}),
        name="price-list-prices",
    ),
    path("stock", views.StockViewSet.as_view({"get": "list", "put": "bulk"}), name="stock"),
    path("stores", views.StoreViewSet.as_view({"get": "list", "post": "create"}), name="stores"),
]
