"""The panels of what can be shown at a till: coupons and gift cards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.utils.safestring import mark_safe

from loyalty_crm.kernel.money import Money
from members.models import Member
from members.rules.drawing import qr_svg
from rewards.models import Coupon, CouponBatch, GiftCard
from rewards.rules.codes import shown

MOST = 20


def coupons(member: Member, now: datetime) -> dict[str, Any] | None:
    """Personal codes that still hold, those that end first at the top; one query."""
    able = (
        Coupon.objects.filter(member=member, revoked_at=None)
        .filter(Q(valid_until=None) | Q(valid_until__gt=now))
        .filter(Q(max_uses=None) | Q(max_uses__gt=F("uses") + F("held")))
        .filter(Q(batch__valid_until=None) | Q(batch__valid_until__gt=now))
        .exclude(batch__state=CouponBatch.State.CLOSED)
        .select_related("batch__promotion")
        .order_by(F("valid_until").asc(nulls_last=True), "id")
    )
    rows = [_coupon(one) for one in able[:MOST]]
    return {"rows": rows} if rows else None


def _coupon(coupon: Coupon) -> dict[str, Any]:
    ends = [at for at in (coupon.valid_until, coupon.batch.valid_until) if at]
    return {
        "title": coupon.batch.promotion.name,
        "code": shown(coupon.code),
        "qr": mark_safe(qr_svg(coupon.code)),  # noqa: S308 - squares only
        "until": min(ends, default=None),
    }


def gift_cards(member: Member, now: datetime) -> dict[str, Any] | None:
    """Cards that the member holds, with what is left; numbers stay with whoever has the card."""
    held = GiftCard.objects.filter(
        holder=member, state__in=[GiftCard.State.ACTIVE, GiftCard.State.BLOCKED]
    ).select_related("wallet")
    rows = [
        {
            "end": card.last4,
            "left": Money(card.wallet.posted, card.currency),
            "until": card.expires_on,
            "blocked": card.state == GiftCard.State.BLOCKED,
        }
        for card in held.order_by("-id")[:MOST]
    ]
    return {"rows": rows} if rows else None
