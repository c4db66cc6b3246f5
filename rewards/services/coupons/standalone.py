"""Coupons of shops whose checkout is not ours: validated, reserved, used, rolled back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import NotFound, SourceRefConflict
from rewards.errors import CouponState, CouponUnavailable
from rewards.models import CouponUse
from rewards.rules.coupons import ShownCoupon, why_not
from rewards.services.coupons.guessing import note_wrong
from rewards.services.coupons.reading import read_coupon
from rewards.services.coupons.using import Act, Cause, claim, give_back

SEE_WHY = "coupons:read"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A code as it was shown: where, when, and by which member."""

    code: str
    store: str
    at: datetime
    member_id: int | None = None
    reservation: UUID | None = None


def validate_coupon(*, shown: Shown, actor: Actor) -> ShownCoupon:
    """The coupon, when it holds; ``CouponUnavailable`` alike for whatever is wrong with it."""
    hold = str(shown.reservation) if shown.reservation else None
    coupon = read_coupon(shown.code, member_id=shown.member_id, hold=hold)
    reason = why_not(coupon, store=shown.store, at=shown.at, has_member=shown.member_id is not None)
    note_wrong(int(bool(reason)))
    if coupon is None or reason:
        raise unavailable(reason, actor)
    return coupon


def unavailable(reason: str, actor: Actor) -> CouponUnavailable:
    told = {"reason": reason} if actor.has_scope(SEE_WHY) else {}
    return CouponUnavailable(pointer="/code", **told)


@transaction.atomic
def redeem_coupon(*, shown: Shown, reference: str, actor: Actor) -> CouponUse:
    """Use a coupon once per reference of the caller; a repeat returns the first use.

    With ``reservation`` the use that was set aside is taken. Locks the coupon.
    """
    cause = _cause(reference, shown.at, actor)
    if known := _known(cause, Act.REDEEMED):
        if known.coupon.code != shown.code:
            raise SourceRefConflict(pointer="/reference")
        return known
    coupon = validate_coupon(shown=shown, actor=actor)
    if shown.reservation and coupon.reserved is None:
        raise CouponState(pointer="/reservation", state=CouponUse.Act.RELEASED)
    use = claim(coupon.id, Act.REDEEMED, cause, member_id=shown.member_id, reserved=coupon.reserved)
    if use is None:
        raise unavailable("used_up", actor)
    return _found(use)


@transaction.atomic
def reserve_coupon(
    *, shown: Shown, reservation: UUID, lives: timedelta, now: datetime, actor: Actor
) -> CouponUse:
    """Set a use aside for so long; a repeat of the reservation's id returns the first."""
    cause = Cause("hold", str(reservation), shown.at, actor.label)
    if known := _known(cause, Act.RESERVED):
        return known
    coupon = validate_coupon(shown=shown, actor=actor)
    use = claim(coupon.id, Act.RESERVED, cause, member_id=shown.member_id, expires_at=now + lives)
    if use is None:
        raise unavailable("used_up", actor)
    return _found(use)


@transaction.atomic
def roll_back(*, use_id: UUID, reference: str, now: datetime, actor: Actor) -> CouponUse:
    """Undo a use, or let go of a reservation, of this caller; a repeat returns the first end."""
    known = CouponUse.objects.select_related("coupon__batch__promotion").filter(
        public_id=use_id, actor=actor.label, receipt=None
    )
    if (use := known.first()) is None:
        raise NotFound(pointer="/use")
    act = {Act.REDEEMED: Act.ROLLED_BACK, Act.RESERVED: Act.RELEASED}.get(Act(use.act))
    if act is None:
        raise CouponState(state=use.act)
    ended = give_back(use.pk, act, _cause(reference, now, actor))
    if ended is not None:
        return _found(ended)
    earlier = _uses().get(of=use)
    if earlier.act != act:
        raise CouponState(state=earlier.act)
    return earlier


def release_expired(now: datetime, limit: int = 500) -> int:
    """Free reservations that are over, each in a transaction of its own; how many."""
    # Through the few coupons that hold something, not through all reservations there ever were.
    due = CouponUse.objects.filter(
        coupon__held__gt=0, act=Act.RESERVED, expires_at__lte=now, ended_by=None
    )
    freed = 0
    for use in due.order_by("expires_at")[:limit]:
        cause = Cause("expiry", str(use.public_id), now, "system:system")
        freed += give_back(use.pk, Act.RELEASED, cause) is not None
    return freed


def _cause(reference: str, at: datetime, actor: Actor) -> Cause:
    return Cause(f"api:{actor.id}", reference, at, actor.label)


def _known(cause: Cause, act: Act) -> CouponUse | None:
    return _uses().filter(source=cause.source, source_ref=cause.source_ref, act=act).first()


def _found(use_id: int) -> CouponUse:
    return _uses().get(pk=use_id)


def _uses() -> QuerySet[CouponUse]:
    return CouponUse.objects.select_related("coupon__batch__promotion", "of")
