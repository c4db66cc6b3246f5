"""Addresses below /api/v1/ that belong to rewards."""

from __future__ import annotations

from django.urls import include, path

from rewards.api.checkout import PurchaseViewSet, QuoteViewSet
from rewards.api.sync import BatchViewSet

_PURCHASE = "purchases/<uuid:purchase_id>"

urlpatterns = [
    path("", include("rewards.api.wallet_urls")),
    path("", include("rewards.api.promotion_urls")),
    path("", include("rewards.api.gift_card_urls")),
    path("", include("rewards.api.tier_urls")),
    path("", include("rewards.api.game_urls")),
    path("", include("rewards.api.rules_urls")),
    path("", include("rewards.api.tryout_urls")),
    path("", include("rewards.api.coupon_urls")),
    path("", include("rewards.api.partner_urls")),
    path("", include("rewards.api.stamp_urls")),
    path("", include("rewards.api.catalogue_urls")),
    path("", include("rewards.api.beyond_urls")),
    path("quotes", QuoteViewSet.as_view({"post": "create"}), name="quotes"),
    path(
        "purchases",
        PurchaseViewSet.as_view({"get": "find", "post": "create"}),
        name="purchases",
    ),
    path(_PURCHASE, PurchaseViewSet.as_view({"get": "retrieve"}), name="purchase"),
    *[
        path(
            f"{_PURCHASE}/{action}",
            PurchaseViewSet.as_view({method: action}),
            name=f"purchase-{action}",
        )
        for action, method in (("decisions", "get"), ("refunds", "post"), ("void", "post"))
    ],
    path("sync/batches", BatchViewSet.as_view({"post": "create"}), name="sync-batches"),
]
