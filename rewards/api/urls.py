"""Addresses below /api/v1/ that belong to rewards."""

from __future__ import annotations

from django.urls import include, path

from rewards.api.checkout import PurchaseViewSet, QuoteViewSet
from rewards.api.promotions import ProgrammeViewSet, PromotionViewSet
from rewards.api.sync import BatchViewSet

_PURCHASE = "purchases/<uuid:purchase_id>"
_PROMOTION = "promotions/<uuid:promotion_id>"

urlpatterns = [
    path("", include("rewards.api.wallet_urls")),
    path("", include("rewards.api.gift_card_urls")),
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
    path("programme", ProgrammeViewSet.as_view({"get": "retrieve"}), name="programme"),
    path(
        "promotions",
        PromotionViewSet.as_view({"get": "browse", "post": "create"}),
        name="promotions",
    ),
    path(
        "promotions/schema",
        PromotionViewSet.as_view({"get": "definition_schema"}),
        name="promotion-schema",
    ),
    path(_PROMOTION, PromotionViewSet.as_view({"get": "retrieve"}), name="promotion"),
    path(
        f"{_PROMOTION}/versions/<int:number>/publish",
        PromotionViewSet.as_view({"post": "publish"}),
        name="promotion-publish",
    ),
    *[
        path(
            f"{_PROMOTION}/{action}",
            PromotionViewSet.as_view({"post": action}),
            name=f"promotion-{action}",
        )
        for action in ("versions", "pause", "resume")
    ],
]
