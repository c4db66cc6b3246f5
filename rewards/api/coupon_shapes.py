"""The shapes of coupons on the wire. A code stands in bodies, never in an address."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from loyalty_crm.kernel.api.shapes import Body, ShortText
from loyalty_crm.kernel.api.shapes import Code as StoreCode
from loyalty_crm.kernel.models import Job
from rewards.api.bodies import CouponCode, MemberBody, Moment, Number
from rewards.models import Coupon, CouponBatch, CouponUse
from rewards.rules.codes import LEAST_LENGTH, SAFE_LENGTH
from rewards.rules.coupons import ShownCoupon
from rewards.services.coupons.batches import MOST_CODES, MOST_RANDOM

Count = Annotated[int, Meta(ge=1, le=10**9)]


class ValidateBody(Body, kw_only=True):
    store: StoreCode
    code: CouponCode
    member: MemberBody | None = None


class ReserveBody(ValidateBody, kw_only=True):
    """For how many minutes the use is set aside: 15 at a till, up to a day for a web shop."""

    minutes: Annotated[int, Meta(ge=1, le=1440)] = 15


class RedeemCouponBody(ValidateBody, kw_only=True):
    """``reference``: your document; with it a repeat finds the first use."""

    reference: Number
    reservation: UUID | None = None


class RollbackBody(Body, kw_only=True):
    """``use``: the id of a use or of a reservation that you made."""

    use: UUID
    reference: Number


class AssignBody(Body, kw_only=True):
    code: CouponCode
    member: MemberBody


class RevokeBody(Body, kw_only=True):
    code: CouponCode
    reason: ShortText = ""


class CouponBatchBody(Body, kw_only=True):
    """``uses_per_code`` null: as often as one likes. ``stores`` empty: in all of them."""

    promotion: Annotated[str, Meta(min_length=1, max_length=80)]
    kind: Literal["generic", "unique", "personal"]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    count: Annotated[int, Meta(ge=0, le=MOST_CODES)] = 0
    code: Annotated[str, Meta(max_length=80)] = ""
    prefix: Annotated[str, Meta(max_length=20)] = ""
    random_length: Annotated[int, Meta(ge=LEAST_LENGTH, le=MOST_RANDOM)] = SAFE_LENGTH
    uses_per_code: Count | None = 1
    uses_per_member: Count | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    valid_days: Annotated[int, Meta(ge=1, le=3_660)] | None = None
    stores: Annotated[list[StoreCode], Meta(max_length=5_000)] = []
    reopen_on_return: bool = True


class ValidOut(msgspec.Struct, kw_only=True):
    """A coupon that holds here and now. ``uses_left`` null: as many as one likes."""

    code: str
    promotion: str
    batch: UUID
    uses_left: int | None
    valid_until: datetime | None


class UseOut(msgspec.Struct, kw_only=True):
    """One thing that happened to a coupon. ``of``: the use or reservation that it ended."""

    id: UUID
    act: str
    code: str
    promotion: str
    batch: UUID
    reference: str
    expires_at: datetime | None
    occurred_at: datetime
    of: UUID | None = None


class CouponDetail(msgspec.Struct, kw_only=True):
    code: str
    state: str
    promotion: str
    batch: UUID
    uses: int
    max_uses: int | None
    valid_until: datetime | None
    issued_at: datetime


class JobBrief(msgspec.Struct, kw_only=True):
    """Follow it at ``/jobs/{id}``."""

    id: UUID
    state: str
    done: int
    total: int | None


class CouponBatchOut(msgspec.Struct, kw_only=True):
    id: UUID
    promotion: str
    kind: str
    name: str
    state: str
    wanted: int
    made: int
    random_length: int
    uses_per_code: int | None
    uses_per_member: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    valid_days: int | None
    stores: list[str]
    reopen_on_return: bool
    created_at: datetime
    job: JobBrief | None = None


class CouponBatchPage(msgspec.Struct, kw_only=True):
    data: list[CouponBatchOut]
    next: str | None
    has_more: bool


class CouponPage(msgspec.Struct, kw_only=True):
    data: list[CouponDetail]
    next: str | None
    has_more: bool


def valid_out(coupon: ShownCoupon, batch: UUID) -> ValidOut:
    return ValidOut(
        code=coupon.code,
        promotion=coupon.promotion,
        batch=batch,
        uses_left=coupon.left,
        valid_until=coupon.valid_until,
    )


def use_out(use: CouponUse) -> UseOut:
    batch = use.coupon.batch
    return UseOut(
        id=use.public_id,
        act=use.act,
        code=use.coupon.code,
        promotion=batch.promotion.code,
        batch=batch.public_id,
        reference=use.source_ref,
        expires_at=use.expires_at,
        occurred_at=use.occurred_at,
        of=use.of.public_id if use.of else None,
    )


def coupon_out(coupon: Coupon, now: datetime) -> CouponDetail:
    ends = [one for one in (coupon.valid_until, coupon.batch.valid_until) if one]
    return CouponDetail(
        code=coupon.code,
        state=coupon.state_at(now),
        promotion=coupon.batch.promotion.code,
        batch=coupon.batch.public_id,
        uses=coupon.uses,
        max_uses=coupon.max_uses,
        valid_until=min(ends, default=None),
        issued_at=coupon.issued_at,
    )


_BATCH = [
    name for name in CouponBatchOut.__struct_fields__ if name not in ("id", "promotion", "job")
]


def batch_out(batch: CouponBatch) -> CouponBatchOut:
    return CouponBatchOut(
        id=batch.public_id,
        promotion=batch.promotion.code,
        job=_job(batch.job) if batch.job else None,
        **{name: getattr(batch, name) for name in _BATCH},
    )


def _job(job: Job) -> JobBrief:
    return JobBrief(id=job.public_id, state=job.state, done=job.done, total=job.total)
