"""Batches of coupons: their terms, and the steps from draft to closed. Each leaves a trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, jobs
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import Job
from members.models import Store
from rewards.errors import CouponCodeTaken, CouponState, CouponTermsInvalid, PromotionUnknown
from rewards.models import Coupon, CouponBatch, Promotion
from rewards.rules.codes import LEAST_LENGTH, LONGEST, SAFE_LENGTH, clean_code, draw

JOB = "coupons.generate"
MOST_CODES = 10_000_000
MOST_RANDOM = 20
SHORTEST_CHOSEN = 4

State: TypeAlias = CouponBatch.State
Kind: TypeAlias = CouponBatch.Kind


@dataclass(frozen=True, kw_only=True)
class BatchTerms:
    """What a batch promises. ``code`` is the word of a generic one; empty: one is drawn."""

    promotion: str
    kind: str
    name: str
    count: int = 0
    code: str = ""
    prefix: str = ""
    random_length: int = SAFE_LENGTH
    uses_per_code: int | None = 1
    uses_per_member: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    valid_days: int | None = None
    stores: list[str] = field(default_factory=list)
    reopen_on_return: bool = True


@transaction.atomic
def create_batch(*, terms: BatchTerms, actor: Actor) -> CouponBatch:
    """A batch under these terms. Generic and personal ones are ready at once, unique ones a draft.

    Refused: terms that contradict each other, an unknown promotion, a code that is
    taken, a second open personal batch of one promotion.
    """
    promotion = Promotion.objects.filter(programme__is_default=True, code=terms.promotion).first()
    if promotion is None:
        raise PromotionUnknown(pointer="/promotion")
    _check(terms)
    batch = _written(terms, promotion, actor)
    if batch.kind == Kind.GENERIC:
        _write_code(batch, terms)
    _trace("coupon_batch.created", batch, {"kind": batch.kind, "wanted": batch.wanted}, actor)
    return batch


@transaction.atomic
def start_generating(*, batch: CouponBatch, actor: Actor) -> Job:
    """Order the codes that are missing; the job counts all of the batch."""
    held = _locked(batch, State.DRAFT)
    job = jobs.enqueue(
        kind=JOB, params={"batch": str(held.public_id)}, total=held.wanted, actor=actor
    )
    CouponBatch.objects.filter(pk=held.pk).update(state=State.GENERATING, job=job)
    _trace("coupon_batch.ordered", held, {"wanted": held.wanted}, actor)
    return job


@transaction.atomic
def stop_generating(*, batch: CouponBatch, actor: Actor) -> CouponBatch:
    """Cancel the job. What is made stays, holds nothing, and may be completed later."""
    held = _locked(batch, State.GENERATING)
    if held.job:
        jobs.cancel(held.job)
    return _moved(held, State.DRAFT, "coupon_batch.stopped", actor)


@transaction.atomic
def close_batch(*, batch: CouponBatch, reason: str = "", actor: Actor) -> CouponBatch:
    """No code of the batch holds from now on. It cannot be opened again."""
    held = _locked(batch, State.DRAFT, State.READY)
    return _moved(held, State.CLOSED, "coupon_batch.closed", actor, reason)


def _check(terms: BatchTerms) -> None:
    """Faults of single fields first, then what does not go together."""
    _within("/count", terms.count, 1 if terms.kind == Kind.UNIQUE else 0, MOST_CODES)
    _within("/random_length", terms.random_length, LEAST_LENGTH, MOST_RANDOM)
    for name in ("uses_per_code", "uses_per_member", "valid_days"):
        value = getattr(terms, name)
        _within(f"/{name}", 1 if value is None else value, 1, 10**9)
    if terms.prefix and (clean := clean_code(terms.prefix)) != terms.prefix:
        raise CouponTermsInvalid(pointer="/prefix", expected=clean)
    if len(terms.prefix) + terms.random_length > LONGEST:
        raise CouponTermsInvalid(pointer="/prefix", max=LONGEST - terms.random_length)
    if terms.valid_from and terms.valid_until and terms.valid_until <= terms.valid_from:
        raise CouponTermsInvalid(_("The coupons end before they begin"), pointer="/valid_until")
    if terms.code and terms.kind != Kind.GENERIC:
        raise CouponTermsInvalid(_("Only a generic code is chosen"), pointer="/code")
    if terms.code and len(clean_code(terms.code)) < SHORTEST_CHOSEN:
        raise CouponTermsInvalid(
            _("A code has 4 to 40 letters and digits"), pointer="/code", min=SHORTEST_CHOSEN
        )
    _check_stores(terms.stores)


def _within(pointer: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise CouponTermsInvalid(pointer=pointer, min=least, max=most)


def _check_stores(codes: list[str]) -> None:
    known = set(Store.objects.filter(code__in=codes).values_list("code", flat=True))
    for position, code in enumerate(codes):
        if code not in known:
            raise CouponTermsInvalid(_("No such store"), pointer=f"/stores/{position}")


def _written(terms: BatchTerms, promotion: Promotion, actor: Actor) -> CouponBatch:
    """The row. Of open personal batches the table itself allows one a promotion."""
    try:
        with transaction.atomic():
            return CouponBatch.objects.create(
                promotion=promotion,
                kind=terms.kind,
                name=terms.name,
                state=State.DRAFT if terms.kind == Kind.UNIQUE else State.READY,
                prefix=terms.prefix,
                random_length=terms.random_length,
                wanted={Kind.UNIQUE: terms.count, Kind.GENERIC: 1}.get(Kind(terms.kind), 0),
                made=int(terms.kind == Kind.GENERIC),
                uses_per_code=terms.uses_per_code,
                uses_per_member=terms.uses_per_member,
                valid_from=terms.valid_from,
                valid_until=terms.valid_until,
                valid_days=terms.valid_days,
                stores=terms.stores,
                reopen_on_return=terms.reopen_on_return,
                created_by=actor.label,
            )
    except IntegrityError as twice:
        raise CouponState(
            _("The promotion has an open batch of personal coupons"), state=State.READY
        ) from twice


def _write_code(batch: CouponBatch, terms: BatchTerms) -> None:
    chosen = clean_code(terms.code)
    code = chosen or draw(1, length=terms.random_length, prefix=terms.prefix)[0]
    _coupon, is_new = Coupon.objects.get_or_create(
        code=code, defaults={"batch": batch, "max_uses": terms.uses_per_code}
    )
    if not is_new:
        raise CouponCodeTaken(pointer="/code")


def _locked(batch: CouponBatch, *states: State) -> CouponBatch:
    held = CouponBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if held.state not in states:
        raise CouponState(state=held.state)
    return held


def _moved(
    batch: CouponBatch, state: State, action: str, actor: Actor, reason: str = ""
) -> CouponBatch:
    CouponBatch.objects.filter(pk=batch.pk).update(state=state)
    batch.state = state
    _trace(action, batch, {"state": state.value, "made": batch.made}, actor, reason)
    return batch


def _trace(
    action: str, batch: CouponBatch, after: dict[str, object], actor: Actor, reason: str = ""
) -> None:
    audit.record(
        action=action,
        object_type="coupon_batch",
        object_id=str(batch.pk),
        after=after,
        reason=reason,
        actor=actor,
    )
