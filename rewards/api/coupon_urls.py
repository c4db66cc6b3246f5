"""Addresses of coupons and their batches."""

from __future__ import annotations

from django.urls import path

from rewards.api.coupons import CouponBatchViewSet, CouponViewSet, MemberCouponViewSet

_VERBS = ("validate", "reserve", "redeem", "rollback", "assign", "revoke")

urlpatterns = [
    *[
        path(f"coupons/{verb}", CouponViewSet.as_view({"post": verb}), name=f"coupons-{verb}")
        for verb in _VERBS
    ],
    path(
        "coupon-batches",
        CouponBatchViewSet.as_view({"get": "browse", "post": "create"}),
        name="coupon-batches",
    ),
    path(
        "coupon-batches/<uuid:batch_id>",
        CouponBatchViewSet.as_view({"get": "retrieve"}),
        name="coupon-batch",
    ),
    path(
        "members/<uuid:member_id>/coupons",
        MemberCouponViewSet.as_view({"get": "browse"}),
        name="coupons-of-member",
    ),
]
