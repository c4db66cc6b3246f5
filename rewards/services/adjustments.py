"""Adjustments by hand: small ones are booked at once, large ones wait for a second person."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from rewards.errors import AdjustmentDecided, OwnApproval
from rewards.models import AdjustmentRequest, AdjustmentTerms, LedgerTx, Programme, Wallet
from rewards.services import ledger
from rewards.services.ledger.adjustments import refuse_empty

State = AdjustmentRequest.State


@transaction.atomic
def adjust_or_ask(
    *,
    wallet: Wallet,
    points: int,
    reason: str,
    reference: str,
    expires_at: datetime | None = None,
    actor: Actor,
) -> LedgerTx | AdjustmentRequest:
    """Book it, or let it wait when the programme wants a second person for so many points.

    Once per actor and reference: a repeat returns the first, another content is refused.
    """
    refuse_empty(points, reason)
    if not waits(wallet=wallet, points=points):
        return ledger.adjust(
            wallet=wallet,
            points=points,
            reason=reason,
            reference=reference,
            expires_at=expires_at,
            actor=actor,
        )
    asked = AdjustmentRequest(
        wallet=wallet,
        points=points,
        reason=reason,
        reference=reference,
        expires_at=expires_at,
        requested_by=actor.label,
    )
    try:
        with transaction.atomic():
            asked.save(force_insert=True)
    except IntegrityError:
        return _same(asked)
    _trace(asked, "adjustment.requested", reason, actor)
    return asked


def waits(*, wallet: Wallet, points: int) -> bool:
    """Whether so many points need a second person."""
    terms = AdjustmentTerms.objects.filter(programme=wallet.programme_id)
    return terms.filter(alone_up_to__lt=abs(points)).exists()


def _same(asked: AdjustmentRequest) -> AdjustmentRequest:
    known = AdjustmentRequest.objects.get(
        requested_by=asked.requested_by, reference=asked.reference
    )
    if (known.wallet_id, known.points) != (asked.wallet_id, asked.points):
        raise SourceRefConflict(source_ref=asked.reference)
    return known


@transaction.atomic
def approve(*, request: AdjustmentRequest, reason: str, actor: Actor) -> AdjustmentRequest:
    """Somebody else books it. Locks the request, then the wallet; refused when it is too much."""
    held = _locked(request, reason, actor)
    tx = ledger.adjust(
        wallet=held.wallet,
        points=held.points,
        reason=held.reason,
        reference=f"request:{held.public_id}",
        expires_at=held.expires_at,
        actor=actor,
    )
    held.tx = tx
    return _decided(held, State.APPROVED, reason, actor)


@transaction.atomic
def reject(*, request: AdjustmentRequest, reason: str, actor: Actor) -> AdjustmentRequest:
    """Nothing moves. Who asked may not decide this either."""
    return _decided(_locked(request, reason, actor), State.REJECTED, reason, actor)


@transaction.atomic
def save_terms(*, programme: Programme, alone_up_to: int, actor: Actor) -> AdjustmentTerms:
    """How many points one person adjusts alone; those that wait go on waiting."""
    terms = AdjustmentTerms.objects.filter(programme=programme).first()
    before: dict[str, object] | None = {"alone_up_to": terms.alone_up_to} if terms else None
    terms = terms or AdjustmentTerms(programme=programme)
    terms.alone_up_to = alone_up_to
    terms.save()
    audit.record(
        action="adjustment_terms.saved",
        object_type="programme",
        object_id=programme.code,
        before=before,
        after={"alone_up_to": alone_up_to},
        actor=actor,
    )
    return terms


def _locked(request: AdjustmentRequest, reason: str, actor: Actor) -> AdjustmentRequest:
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    rows = AdjustmentRequest.objects.select_for_update(of=("self",), no_key=True)
    held = rows.select_related("wallet__programme").get(pk=request.pk)
    if held.state != State.WAITING:
        raise AdjustmentDecided(state=held.state)
    if held.requested_by == actor.label:
        raise OwnApproval
    return held


def _decided(held: AdjustmentRequest, state: State, reason: str, actor: Actor) -> AdjustmentRequest:
    held.state, held.decided_by, held.decision = state, actor.label, reason[:300]
    held.decided_at = clock.now()
    held.save(update_fields=["state", "decided_by", "decided_at", "decision", "tx"])
    _trace(held, f"adjustment.{state.value}", reason, actor)
    return held


def _trace(held: AdjustmentRequest, kind: str, reason: str, actor: Actor) -> None:
    told: dict[str, object] = {"wallet": str(held.wallet.public_id), "points": held.points}
    number = str(held.public_id)
    outbox.emit(kind, object_type="adjustment", object_id=number, data=told)
    audit.record(
        action=kind,
        object_type="adjustment",
        object_id=number,
        after=told,
        reason=reason,
        actor=actor,
    )
