"""Addresses of what is tried before it is live."""

from __future__ import annotations

from django.urls import path

from rewards.api.tryouts import (
    BackTestViewSet,
    PilotViewSet,
    RetroBatchViewSet,
    SimulationViewSet,
)

_TEST = "backtests/<uuid:backtest_id>"
_BATCH = "retro-batches/<uuid:batch_id>"

urlpatterns = [
    path("simulations", SimulationViewSet.as_view({"post": "create"}), name="simulations"),
    path(
        "promotions/<uuid:promotion_id>/end-pilot",
        PilotViewSet.as_view({"post": "end_pilot"}),
        name="promotion-end-pilot",
    ),
    path("backtests", BackTestViewSet.as_view({"post": "create"}), name="backtests"),
    path(_TEST, BackTestViewSet.as_view({"get": "retrieve"}), name="backtest"),
    path(f"{_TEST}/rows", BackTestViewSet.as_view({"get": "rows"}), name="backtest-rows"),
    path(f"{_TEST}/cancel", BackTestViewSet.as_view({"post": "cancel"}), name="backtest-cancel"),
    path("retro-batches", RetroBatchViewSet.as_view({"post": "create"}), name="retro-batches"),
    path(_BATCH, RetroBatchViewSet.as_view({"get": "retrieve"}), name="retro-batch"),
    path(f"{_BATCH}/items", RetroBatchViewSet.as_view({"get": "items"}), name="retro-batch-items"),
    *[
        path(
            f"{_BATCH}/{step}",
            RetroBatchViewSet.as_view({"post": step}),
            name=f"retro-batch-{step}",
        )
        for step in ("approve", "apply", "undo", "cancel")
    ],
]
