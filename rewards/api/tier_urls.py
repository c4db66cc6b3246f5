"""Addresses of tiers."""

from __future__ import annotations

from django.urls import path

from rewards.api.tiers import MemberTierViewSet, TierStructureViewSet

urlpatterns = [
    path(
        "tier-structures",
        TierStructureViewSet.as_view({"get": "browse", "post": "create"}),
        name="tier-structures",
    ),
    path(
        "tier-structures/<uuid:id>",
        TierStructureViewSet.as_view({"put": "update"}),
        name="tier-structure",
    ),
    path(
        "tier-structures/<uuid:id>/figures",
        TierStructureViewSet.as_view({"post": "record"}),
        name="tier-figures",
    ),
    path(
        "members/<uuid:member_id>/tier",
        MemberTierViewSet.as_view({"get": "retrieve", "post": "grant"}),
        name="member-tier",
    ),
]
