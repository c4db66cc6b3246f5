"""Addresses of the programme, its promotions, versions, stacking groups and files."""

from __future__ import annotations

from django.urls import path

from rewards.api.config import ConfigViewSet
from rewards.api.promotion_groups import GroupViewSet
from rewards.api.promotion_limits import PromotionLimitsView
from rewards.api.promotion_versions import VersionViewSet
from rewards.api.promotions import ProgrammeViewSet, PromotionViewSet

_PROMOTION = "promotions/<uuid:promotion_id>"
_VERSION = f"{_PROMOTION}/versions/<int:number>"
_STEPS = ("submit", "withdraw", "discard", "approve", "reject", "schedule", "publish")

urlpatterns = [
    path("config/export", ConfigViewSet.as_view({"post": "export"}), name="config-export"),
    path("config/import", ConfigViewSet.as_view({"post": "take"}), name="config-import"),
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
    path("promotions/lint", PromotionViewSet.as_view({"get": "lint"}), name="promotion-lint"),
    path(
        _PROMOTION,
        PromotionViewSet.as_view({"get": "retrieve", "patch": "rename"}),
        name="promotion",
    ),
    *[
        path(
            f"{_PROMOTION}/{action}",
            PromotionViewSet.as_view({"post": action}),
            name=f"promotion-{action}",
        )
        for action in ("pause", "resume", "end", "duplicate")
    ],
    path(
        f"{_PROMOTION}/limits",
        PromotionLimitsView.as_view({"get": "retrieve"}),
        name="promotion-limits",
    ),
    path(
        f"{_PROMOTION}/versions",
        VersionViewSet.as_view({"get": "browse", "post": "draft"}),
        name="promotion-versions",
    ),
    *[
        path(f"{_VERSION}/{step}", VersionViewSet.as_view({"post": step}), name=f"promotion-{step}")
        for step in _STEPS
    ],
    path(
        "promotion-groups",
        GroupViewSet.as_view({"get": "browse", "post": "create"}),
        name="promotion-groups",
    ),
    path(
        "promotion-groups/<slug:code>",
        GroupViewSet.as_view({"get": "retrieve", "patch": "change"}),
        name="promotion-group",
    ),
]
