"""Addresses of games, prizes, draws and contests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import URLPattern, path

from rewards.api.contests import ContestViewSet, WorkViewSet
from rewards.api.draws import DrawViewSet
from rewards.api.games import GameViewSet, MemberGameViewSet, PlayViewSet
from rewards.api.prizes import PrizeWinViewSet

_MEMBER = "members/<uuid:member_id>"
_PLACE = "draws/<uuid:id>/winners/<int:place>"


def _collection(
    name: str, view: Any, posts: Iterable[str], gets: Iterable[str]
) -> list[URLPattern]:
    """A list, its objects, and what can be done to one."""
    one = f"{name}/<uuid:id>"
    return [
        path(name, view.as_view({"get": "browse", "post": "create"}), name=name),
        path(one, view.as_view({"get": "retrieve", "put": "update"}), name=f"{name}-one"),
        *[
            path(f"{one}/{verb}", view.as_view({"post": verb}), name=f"{name}-{verb}")
            for verb in posts
        ],
        *[
            path(f"{one}/{verb}", view.as_view({"get": verb}), name=f"{name}-{verb}")
            for verb in gets
        ],
    ]


urlpatterns = [
    *_collection("games", GameViewSet, ("start", "pause", "end", "turns"), ("periods",)),
    path("games/<uuid:id>/links", GameViewSet.as_view({"post": "link"}), name="game-links"),
    path(
        "games/<uuid:id>/plays",
        GameViewSet.as_view({"get": "plays", "post": "play"}),
        name="game-plays",
    ),
    path(f"{_MEMBER}/games", MemberGameViewSet.as_view({"get": "turns"}), name="member-games"),
    path(f"{_MEMBER}/plays", MemberGameViewSet.as_view({"get": "history"}), name="member-plays"),
    path(f"{_MEMBER}/prizes", PrizeWinViewSet.as_view({"get": "of_member"}), name="member-prizes"),
    path("plays/<uuid:id>/verify", PlayViewSet.as_view({"get": "verify"}), name="play-verify"),
    path("plays/<uuid:id>/cancel", PlayViewSet.as_view({"post": "cancel"}), name="play-cancel"),
    path("prizes/tax", PrizeWinViewSet.as_view({"get": "tax"}), name="prizes-tax"),
    path(
        "prizes/<uuid:id>/hand-over",
        PrizeWinViewSet.as_view({"post": "hand_over"}),
        name="prize-hand-over",
    ),
    path(
        "prizes/<uuid:id>/cancel", PrizeWinViewSet.as_view({"post": "cancel"}), name="prize-cancel"
    ),
    *_collection(
        "draws",
        DrawViewSet,
        ("publish", "close", "draw", "cancel", "finish", "tickets"),
        ("entries", "winners", "verify"),
    ),
    path(f"{_PLACE}/accept", DrawViewSet.as_view({"post": "accept"}), name="winner-accept"),
    path(f"{_PLACE}/refuse", DrawViewSet.as_view({"post": "refuse"}), name="winner-refuse"),
    path(
        f"{_PLACE}/hand-over", DrawViewSet.as_view({"post": "hand_over"}), name="winner-hand-over"
    ),
    *_collection("contests", ContestViewSet, ("open", "close", "publish", "cancel"), ("standing",)),
    path(
        "contests/<uuid:id>/works",
        ContestViewSet.as_view({"get": "works", "post": "send"}),
        name="contest-works",
    ),
    path("contest-works/<uuid:id>/let-in", WorkViewSet.as_view({"post": "let_in"}), name="work-in"),
    *[
        path(
            f"contest-works/<uuid:id>/{verb}",
            WorkViewSet.as_view({"post": verb}),
            name=f"work-{verb}",
        )
        for verb in ("reject", "mark", "score")
    ],
]
