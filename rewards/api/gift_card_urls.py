"""Addresses of gift cards."""

from __future__ import annotations

from django.urls import path

from rewards.api.gift_cards import GiftCardViewSet

_CARD = "gift-cards/<uuid:id>"
_ACTIONS = (
    ("activities", "get", "activities"),
    ("reveal", "post", "reveal"),
    ("activate", "post", "activate"),
    ("load", "post", "load"),
    ("redeem", "post", "redeem"),
    ("restore", "post", "restore"),
    ("refund", "post", "pay_back"),
    ("cash-out", "post", "cash_out"),
    ("transfer", "post", "transfer"),
    ("block", "post", "block"),
    ("unblock", "post", "unblock"),
    ("deactivate", "post", "deactivate"),
)

urlpatterns = [
    path("gift-cards", GiftCardViewSet.as_view({"post": "create"}), name="gift-cards"),
    path("gift-cards/lookup", GiftCardViewSet.as_view({"post": "lookup"}), name="gift-card-lookup"),
    path(_CARD, GiftCardViewSet.as_view({"get": "retrieve"}), name="gift-card"),
    *[
        path(f"{_CARD}/{name}", GiftCardViewSet.as_view({method: action}), name=f"gift-card-{name}")
        for name, method, action in _ACTIONS
    ],
]
