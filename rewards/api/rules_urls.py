"""Addresses of the published rules."""

from __future__ import annotations

from django.urls import path

from rewards.api.rules import RulesViewSet

urlpatterns = [
    path("programme/rules", RulesViewSet.as_view({"get": "latest"}), name="programme-rules"),
    path(
        "members/<uuid:member_id>/rules-acceptances",
        RulesViewSet.as_view({"get": "browse", "post": "accept"}),
        name="rules-acceptances",
    ),
]
