"""Addresses of rewards, redemptions, causes and services."""

from __future__ import annotations

from django.urls import path

from rewards.api.benefits import ServiceViewSet
from rewards.api.catalogue import RedemptionViewSet, RewardViewSet
from rewards.api.causes import CauseViewSet

_REWARD, _REDEMPTION = "rewards/<uuid:id>", "redemptions/<uuid:id>"
_MEMBER, _CAUSE = "members/<uuid:member_id>", "causes/<slug:code>"

urlpatterns = [
    path("rewards", RewardViewSet.as_view({"get": "browse", "post": "create"}), name="rewards"),
    path(_REWARD, RewardViewSet.as_view({"get": "retrieve", "put": "change"}), name="reward"),
    *[
        path(f"{_REWARD}/{name}", RewardViewSet.as_view({method: action}), name=f"reward-{name}")
        for name, method, action in (
            ("state", "post", "move"),
            ("stock", "put", "count"),
            ("codes", "post", "codes"),
            ("redeem", "post", "redeem"),
        )
    ],
    path(
        f"{_MEMBER}/redemptions",
        RedemptionViewSet.as_view({"get": "of_member"}),
        name="redemptions-of-member",
    ),
    path(
        "redemptions/lookup",
        RedemptionViewSet.as_view({"post": "lookup"}),
        name="redemption-lookup",
    ),
    path(_REDEMPTION, RedemptionViewSet.as_view({"get": "retrieve"}), name="redemption"),
    *[
        path(
            f"{_REDEMPTION}/{action}",
            RedemptionViewSet.as_view({"post": action}),
            name=f"redemption-{action}",
        )
        for action in ("reveal", "confirm", "fulfil", "cancel")
    ],
    path("causes", CauseViewSet.as_view({"get": "browse", "post": "create"}), name="causes"),
    path("causes/totals", CauseViewSet.as_view({"get": "totals"}), name="causes-totals"),
    path(_CAUSE, CauseViewSet.as_view({"put": "change"}), name="cause"),
    path(f"{_CAUSE}/payments", CauseViewSet.as_view({"post": "pay"}), name="cause-payments"),
    path(
        "cause-payments/<uuid:id>/counter",
        CauseViewSet.as_view({"post": "counter"}),
        name="cause-payment-counter",
    ),
    path(
        f"{_MEMBER}/cause",
        CauseViewSet.as_view({"get": "of_member", "put": "choose"}),
        name="cause-of-member",
    ),
    path("services", ServiceViewSet.as_view({"get": "browse", "post": "create"}), name="services"),
    path("services/<slug:code>", ServiceViewSet.as_view({"put": "change"}), name="service"),
    path(
        f"{_MEMBER}/services",
        ServiceViewSet.as_view({"get": "of_member"}),
        name="services-of-member",
    ),
    path(
        f"{_MEMBER}/services/<slug:code>/uses",
        ServiceViewSet.as_view({"post": "consume"}),
        name="service-uses",
    ),
    path(
        f"{_MEMBER}/services/<slug:code>/grants",
        ServiceViewSet.as_view({"post": "grant"}),
        name="service-grants",
    ),
    path(
        "service-uses/<uuid:id>/cancel",
        ServiceViewSet.as_view({"post": "give_back"}),
        name="service-use-cancel",
    ),
]
