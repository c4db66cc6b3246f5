"""Addresses of stamp cards, late claims, challenges and leaderboards."""

from __future__ import annotations

from django.urls import path

from rewards.api.challenges import BadgeViewSet, ChallengeViewSet, LeaderboardViewSet
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
    path(
        f"{_MEMBER}/challenges",
        ChallengeViewSet.as_view({"get": "challenges"}),
        name="member-challenges",
    ),
    path(f"{_MEMBER}/badges", BadgeViewSet.as_view({"get": "list"}), name="member-badges"),
    path(
        f"{_MEMBER}/leaderboard-name",
        ChallengeViewSet.as_view({"post": "show_name"}),
        name="member-leaderboard-name",
    ),
    path("leaderboards", LeaderboardViewSet.as_view({"get": "boards"}), name="leaderboards"),
    path(
        "leaderboards/<uuid:id>",
        LeaderboardViewSet.as_view({"get": "standing"}),
        name="leaderboard",
    ),
]
