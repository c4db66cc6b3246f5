"""Addresses of what members get and give besides buying."""

from __future__ import annotations

from django.urls import path

from rewards.api.adjustments import AdjustmentRequestViewSet
from rewards.api.events import EventViewSet
from rewards.api.households import HouseholdViewSet
from rewards.api.referrals import ReferralViewSet
from rewards.api.transfers import TransferViewSet

_ADJUSTMENT = "adjustment-requests/<uuid:id>"
_EVENT = "events/<uuid:id>"
_HOUSEHOLD = "households/<uuid:id>"
_REFERRAL = "referrals/<uuid:id>"
_TRANSFER = "transfers/<uuid:id>"

urlpatterns = [
    path(
        "adjustment-requests",
        AdjustmentRequestViewSet.as_view({"get": "browse"}),
        name="adjustment-requests",
    ),
    path(
        _ADJUSTMENT,
        AdjustmentRequestViewSet.as_view({"get": "retrieve"}),
        name="adjustment-request",
    ),
    *[
        path(
            f"{_ADJUSTMENT}/{verb}",
            AdjustmentRequestViewSet.as_view({"post": verb}),
            name=f"adjustment-request-{verb}",
        )
        for verb in ("approve", "reject")
    ],
    path("events", EventViewSet.as_view({"get": "browse", "post": "create"}), name="events"),
    path("events/batch", EventViewSet.as_view({"post": "batch"}), name="events-batch"),
    path("events/kinds", EventViewSet.as_view({"get": "kinds"}), name="events-kinds"),
    path(_EVENT, EventViewSet.as_view({"get": "retrieve"}), name="event"),
    *[
        path(f"{_EVENT}/{verb}", EventViewSet.as_view({"post": verb}), name=f"event-{verb}")
        for verb in ("approve", "reject", "reverse")
    ],
    path(
        "transfers", TransferViewSet.as_view({"get": "browse", "post": "create"}), name="transfers"
    ),
    path(_TRANSFER, TransferViewSet.as_view({"get": "retrieve"}), name="transfer"),
    *[
        path(
            f"{_TRANSFER}/{verb}", TransferViewSet.as_view({"post": verb}), name=f"transfer-{verb}"
        )
        for verb in ("confirm", "cancel", "reverse")
    ],
    path("households", HouseholdViewSet.as_view({"post": "create"}), name="households"),
    path("households/join", HouseholdViewSet.as_view({"post": "join"}), name="households-join"),
    path(_HOUSEHOLD, HouseholdViewSet.as_view({"get": "retrieve"}), name="household"),
    *[
        path(
            f"{_HOUSEHOLD}/{name}",
            HouseholdViewSet.as_view({"post": action}),
            name=f"household-{action}",
        )
        for name, action in (
            ("invitations", "invite"),
            ("members", "change"),
            ("leave", "leave"),
            ("pool/put-in", "put_in"),
            ("pool/draw", "draw"),
        )
    ],
    path(
        "members/<uuid:member_id>/household",
        HouseholdViewSet.as_view({"get": "of_member"}),
        name="household-of-member",
    ),
    path(
        "referrals", ReferralViewSet.as_view({"get": "browse", "post": "create"}), name="referrals"
    ),
    path(_REFERRAL, ReferralViewSet.as_view({"get": "retrieve"}), name="referral"),
    *[
        path(
            f"{_REFERRAL}/{name}",
            ReferralViewSet.as_view({"post": action}),
            name=f"referral-{name}",
        )
        for name, action in (
            ("approve", "approve"),
            ("refuse", "refuse"),
            ("claw-back", "claw_back"),
        )
    ],
    path(
        "members/<uuid:member_id>/referral-code",
        ReferralViewSet.as_view({"post": "code"}),
        name="referral-code",
    ),
]
