"""Addresses of partners: their own doors, and the directory for everybody else."""

from __future__ import annotations

from django.urls import path

from rewards.api.partners import (
    DirectoryViewSet,
    PartnerOfferViewSet,
    PartnerOperationViewSet,
    PartnerSettlementViewSet,
    PartnerViewSet,
)

_SETTLEMENT = "partner/settlements/<uuid:settlement_id>"

urlpatterns = [
    path("partner", PartnerViewSet.as_view({"get": "retrieve"}), name="partner-self"),
    *[
        path(f"partner/{at}", PartnerViewSet.as_view({"post": action}), name=f"partner-{action}")
        for at, action in (
            ("quotes", "quote"),
            ("earn", "earn"),
            ("burn", "burn"),
            ("codes/confirm", "confirm"),
            ("operations/<uuid:operation_id>/reverse", "reverse"),
        )
    ],
    path(
        "partner/operations",
        PartnerOperationViewSet.as_view({"get": "browse"}),
        name="partner-operations",
    ),
    path(
        "partner/settlements",
        PartnerSettlementViewSet.as_view({"get": "browse"}),
        name="partner-settlements",
    ),
    path(
        _SETTLEMENT,
        PartnerSettlementViewSet.as_view({"get": "retrieve"}),
        name="partner-settlement",
    ),
    path(
        f"{_SETTLEMENT}/statement.xlsx",
        PartnerSettlementViewSet.as_view({"get": "workbook"}),
        name="partner-statement-xlsx",
    ),
    path(
        f"{_SETTLEMENT}/statement.pdf",
        PartnerSettlementViewSet.as_view({"get": "page"}),
        name="partner-statement-pdf",
    ),
    path("partners", DirectoryViewSet.as_view({"get": "browse"}), name="partners"),
    path("partner-offers", PartnerOfferViewSet.as_view({"get": "browse"}), name="partner-offers"),
    path(
        "partner-offers/<uuid:offer_id>/take",
        PartnerOfferViewSet.as_view({"post": "take"}),
        name="partner-offer-take",
    ),
]
