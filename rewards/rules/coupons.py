"""Whether a coupon holds, and what became of it: one judgement for the till, the shop and us."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Status = Literal["applied", "not_applied", "refused"]

#: What a caller hears who may not know more: wrong, expired, of others and used up look alike.
UNAVAILABLE = "coupon_unavailable"


class ShownCoupon(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was shown, as the tables know it. Times are moments.

    ``reserved`` is the reservation that was made for this very sale; it is part of
    ``held`` and of ``by_member``. ``owner``: of the member at the till, of somebody
    else, or of nobody.
    """

    id: int
    code: str
    promotion: str
    batch_id: int
    batch_state: str
    is_revoked: bool
    owner: Literal["buyer", "other", "nobody"]
    max_uses: int | None
    uses: int
    held: int
    uses_per_member: int | None
    by_member: int
    valid_from: datetime | None
    valid_until: datetime | None
    stores: list[str]
    reserved: int | None = None

    @property
    def left(self) -> int | None:
        """Uses that are free for this sale. None: as many as one likes."""
        if self.max_uses is None:
            return None
        return self.max_uses - self.uses - self.held + (self.reserved is not None)


class CouponOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one code on a receipt. ``reason`` is the true one."""

    code: str
    status: Status
    reason: str = ""


def why_not(coupon: ShownCoupon | None, *, store: str, at: datetime, has_member: bool) -> str:
    """Why a code does not hold here and now; empty when it does."""
    if coupon is None:
        return "unknown"
    if coupon.is_revoked or coupon.batch_state == "closed":
        return "revoked"
    if coupon.batch_state != "ready" or (coupon.valid_from and at < coupon.valid_from):
        return "not_yet"
    if coupon.valid_until and coupon.valid_until <= at:
        return "expired"
    if coupon.stores and store not in coupon.stores:
        return "other_store"
    return _why_not_whom(coupon, has_member) or ("" if coupon.left != 0 else "used_up")


def _why_not_whom(coupon: ShownCoupon, has_member: bool) -> str:
    if not has_member and (coupon.owner == "other" or coupon.uses_per_member is not None):
        return "no_member"
    if coupon.owner == "other":
        return "other_member"
    taken = coupon.by_member - (coupon.reserved is not None)
    if coupon.uses_per_member is not None and taken >= coupon.uses_per_member:
        return "member_limit"
    return ""
