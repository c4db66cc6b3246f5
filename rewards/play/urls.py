"""Addresses of the game pages and of the proofs."""

from __future__ import annotations

from django.urls import path

from rewards.play import fair, views

urlpatterns = [
    path("play/<str:token>/", views.play_page, name="play"),
    path("fair/plays/<uuid:play_id>/", fair.play_page, name="verify-play"),
    path("fair/draws/<uuid:draw_id>/", fair.draw_page, name="verify-draw"),
    path("fair/draws/<uuid:draw_id>/list.csv", fair.draw_list, name="draw-list"),
    path("fair/contests/<uuid:contest_id>/", fair.contest_page, name="contest-results"),
]
