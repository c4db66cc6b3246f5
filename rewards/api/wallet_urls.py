"""Addresses of wallets, holds and adjustments."""

from __future__ import annotations

from django.urls import path

from rewards.api.awards import AwardBalanceViewSet, AwardViewSet, PledgeViewSet
from rewards.api.wallets import (
    AdjustmentViewSet,
    EntryViewSet,
    HoldViewSet,
    LotViewSet,
    WalletViewSet,
)

_WALLET, _HOLD = "wallets/<uuid:id>", "holds/<uuid:id>"

urlpatterns = [
    path(
        "members/<uuid:member_id>/wallets",
        WalletViewSet.as_view({"get": "list"}),
        name="wallets-of-member",
    ),
    *[
        path(f"members/<uuid:member_id>/{name}", view.as_view({"get": "list"}), name=name)
        for name, view in (
            ("awards", AwardViewSet),
            ("award-balances", AwardBalanceViewSet),
        )
    ],
    path(_WALLET, WalletViewSet.as_view({"get": "retrieve"}), name="wallets-detail"),
    path(f"{_WALLET}/entries", EntryViewSet.as_view({"get": "list"}), name="wallets-entries"),
    path(f"{_WALLET}/lots", LotViewSet.as_view({"get": "list"}), name="wallets-lots"),
    path(f"{_WALLET}/expiring", LotViewSet.as_view({"get": "expiring"}), name="wallets-expiring"),
    path("pledges", PledgeViewSet.as_view({"get": "totals"}), name="pledges"),
    path("holds", HoldViewSet.as_view({"post": "create"}), name="holds"),
    path(_HOLD, HoldViewSet.as_view({"get": "retrieve"}), name="hold"),
    path(f"{_HOLD}/capture", HoldViewSet.as_view({"post": "capture"}), name="hold-capture"),
    path(f"{_HOLD}/void", HoldViewSet.as_view({"post": "void"}), name="hold-void"),
    path("adjustments", AdjustmentViewSet.as_view({"post": "create"}), name="adjustments"),
]
