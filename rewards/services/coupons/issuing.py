"""Codes for one member: issued, given to somebody, taken back. Codes stay out of the trail."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict
from members.models import Member
from rewards.errors import CouponState, CouponUnavailable, PromotionUnknown
from rewards.models import Coupon, CouponBatch, Promotion
from rewards.rules.codes import clean_code, draw
from rewards.services.coupons.guessing import note_wrong

State = CouponBatch.State


@transaction.atomic
def issue_coupon(
    *,
    promotion: str | CouponBatch,
    member_id: int,
    valid_days: int | None = None,
    source: str,
    source_ref: str,
    actor: Actor,
) -> Coupon:
    """A code of the member's own: of a personal batch, or of a promotion by its code.

    A promotion that has no open personal batch gets one, of single-use codes. A
    repeat of (source, source_ref) returns the first coupon, for another member or
    promotion it is refused. ``valid_days`` None: as the batch says. Locks nothing
    that another sale needs. Refused: ``PromotionUnknown``, ``CouponState``.
    """
    batch = promotion if isinstance(promotion, CouponBatch) else _batch_of(promotion, actor)
    if batch.state != State.READY:
        raise CouponState(state=batch.state)
    if known := _known(source, source_ref):
        return _same(known, batch, member_id)
    days = valid_days or batch.valid_days
    coupon = Coupon(
        batch=batch,
        code=_free_code(batch),
        member_id=member_id,
        max_uses=batch.uses_per_code,
        valid_until=_ends(batch, clock.now(), days),
        source=source,
        source_ref=source_ref,
    )
    try:
        with transaction.atomic():
            coupon.save(force_insert=True)
    except IntegrityError:  # a twin issued it while we drew
        if known := _known(source, source_ref):
            return _same(known, batch, member_id)
        raise
    _tell("coupon.assigned", coupon, actor, {"source": source})
    return coupon


@transaction.atomic
def take_back(*, source: str, source_ref: str, reason: str = "", actor: Actor) -> bool:
    """End what was issued for a reference, as far as it is unused; whether it was ended now."""
    coupon = Coupon.objects.filter(source=source, source_ref=source_ref).first()
    if coupon is None:
        return False
    free = Coupon.objects.filter(pk=coupon.pk, uses=0, held=0, revoked_at=None)
    if not free.update(revoked_at=clock.now()):
        return False
    _tell("coupon.revoked", coupon, actor, {"source": source}, reason)
    return True


@transaction.atomic
def assign_coupon(*, code: str, member: Member, actor: Actor) -> Coupon:
    """Give a code that nobody owns to a member; giving it to the same member again is the same."""
    coupon = find_coupon(code)
    if coupon.batch.kind == CouponBatch.Kind.GENERIC or coupon.revoked_at:
        raise CouponState(state=coupon.state_at(clock.now()))
    if coupon.member_id == member.pk:
        return coupon
    ends = _ends(coupon.batch, clock.now(), coupon.batch.valid_days)
    unowned = Coupon.objects.filter(pk=coupon.pk, member=None, uses=0, held=0, revoked_at=None)
    if not unowned.update(member=member, valid_until=ends):
        raise CouponState(state=Coupon.State.ASSIGNED)
    coupon.member, coupon.valid_until = member, ends
    _tell("coupon.assigned", coupon, actor, {})
    return coupon


@transaction.atomic
def revoke_coupon(*, code: str, reason: str = "", actor: Actor) -> Coupon:
    """No use of the code from now on; a repeat changes nothing. Uses made stay made."""
    coupon = find_coupon(code)
    now = clock.now()
    if Coupon.objects.filter(pk=coupon.pk, revoked_at=None).update(revoked_at=now):
        coupon.revoked_at = now
        _tell("coupon.revoked", coupon, actor, {}, reason)
    return coupon


def find_coupon(code: str) -> Coupon:
    """By the exact code, however it was typed; for callers that may know whether it exists."""
    known = Coupon.objects.select_related("batch__promotion", "member")
    if (coupon := known.filter(code=clean_code(code)).first()) is None:
        note_wrong(1)
        raise CouponUnavailable(pointer="/code")
    return coupon


def _batch_of(code: str, actor: Actor) -> CouponBatch:
    """The open personal batch of a promotion of the default programme."""
    promotion = Promotion.objects.filter(programme__is_default=True, code=code).first()
    if promotion is None:
        raise PromotionUnknown(promotion=code)
    batch, is_new = CouponBatch.objects.get_or_create(
        promotion=promotion,
        kind=CouponBatch.Kind.PERSONAL,
        state=State.READY,
        defaults={
            "name": promotion.name,
            "wanted": 0,
            "uses_per_code": 1,
            "created_by": actor.label,
        },
    )
    if is_new:
        audit.record(
            action="coupon_batch.created",
            object_type="coupon_batch",
            object_id=str(batch.pk),
            after={"promotion": code, "kind": batch.kind},
            actor=actor,
        )
    return batch


def _known(source: str, source_ref: str) -> Coupon | None:
    return Coupon.objects.filter(source=source, source_ref=source_ref).first()


def _same(known: Coupon, batch: CouponBatch, member_id: int) -> Coupon:
    if (known.batch_id, known.member_id) != (batch.pk, member_id):
        raise SourceRefConflict(source_ref=known.source_ref)
    return known


def _free_code(batch: CouponBatch) -> str:
    """A code that nobody has. Two alike among 2^64 are not met in practice, but cost nothing."""
    while True:
        (code,) = draw(1, length=batch.random_length, prefix=batch.prefix)
        if not Coupon.objects.filter(code=code).exists():
            return code


def _ends(batch: CouponBatch, now: datetime, days: int | None) -> datetime | None:
    return now + timedelta(days=days) if days else None


def _tell(
    event: str, coupon: Coupon, actor: Actor, data: dict[str, object], reason: str = ""
) -> None:
    """The trail and the outbox name a coupon by its number, never by its code."""
    outbox.emit(event, object_type="coupon", object_id=str(coupon.pk), data=data)
    audit.record(
        action=event,
        object_type="coupon",
        object_id=str(coupon.pk),
        after={"batch": coupon.batch_id, "code": str(coupon)},
        reason=reason,
        actor=actor,
    )
