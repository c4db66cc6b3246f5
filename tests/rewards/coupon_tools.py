"""Batches of coupons as tests need them, and what the tables say of a coupon's uses."""

from __future__ import annotations

from typing import Any

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Coupon, CouponBatch, PromotionVersion
from rewards.services.coupons import batches, generating
from rewards.services.coupons.audit import audit_coupons
from tests.factories.promotions import make_promotion

HALF_OFF = {"kind": "percent_off", "basis_points": 5000}


def coupon_promotion(programme: Any, code: str = "half", **parts: Any) -> PromotionVersion:
    """Half of everything, for whoever shows a coupon of it."""
    return make_promotion(programme, code, HALF_OFF, coupon={"required": True}, **parts)


def make_batch(kind: str = "generic", **terms: Any) -> CouponBatch:
    given = {"promotion": "half", "name": "test", **terms}
    return batches.create_batch(terms=batches.BatchTerms(kind=kind, **given), actor=SYSTEM)


def one_code(kind: str = "generic", **terms: Any) -> Coupon:
    return make_batch(kind, **terms).coupons.get()


def unique_codes(count: int, **terms: Any) -> list[Coupon]:
    batch = make_batch("unique", count=count, **terms)
    batches.start_generating(batch=batch, actor=SYSTEM)
    generating.generate_next()
    return list(batch.coupons.order_by("id"))


def counted(coupon: Coupon) -> tuple[int, int]:
    coupon.refresh_from_db()
    return coupon.uses, coupon.held


def disagreeing() -> list[str]:
    """What the nightly proof of coupons finds: always nothing."""
    return [f"{one.check}: {one.detail}" for one in audit_coupons()]
