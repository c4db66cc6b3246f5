"""Addresses of what members get and give besides buying."""

from __future__ import annotations

from django.urls import path

from rewards.api.events import EventViewSet

_EVENT = "events/<uuid:id>"

urlpatterns = [
    path("events", EventViewSet.as_view({"get": "browse", "post": "create"}), name="events"),
    path("events/batch", EventViewSet.as_view({"post": "batch"}), name="events-batch"),
    path("events/kinds", EventViewSet.as_view({"get": "kinds"}), name="events-kinds"),
    path(_EVENT, EventViewSet.as_view({"get": "retrieve"}), name="event"),
    *[
        path(f"{_EVENT}/{verb}", EventViewSet.as_view({"post": verb}), name=f"event-{verb}")
        for verb in ("approve", "reject", "reverse")
    ],
]
