"""Addresses of stamp cards and late claims."""

from __future__ import annotations

from django.urls import path

from rewards.api.claims import ClaimViewSet
from rewards.api.stamps import FullCardViewSet, StampViewSet

_MEMBER = "members/<uuid:member_id>"

urlpatterns = [
    path(
        f"{_MEMBER}/stamp-cards", StampViewSet.as_view({"get": "cards"}), name="member-stamp-cards"
    ),
    path(
        f"{_MEMBER}/stamp-cards/full",
        FullCardViewSet.as_view({"get": "list"}),
        name="member-full-stamp-cards",
    ),
    path(f"{_MEMBER}/stamps", StampViewSet.as_view({"post": "create"}), name="member-stamps"),
    path(
        f"{_MEMBER}/claims",
        ClaimViewSet.as_view({"get": "list", "post": "create"}),
        name="member-claims",
    ),
]
