"""Retroactive batches: asked for, counted, approved by another person, applied, undone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from loyalty_crm.kernel import audit, clock, jobs
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.problems import fault
from rewards.errors import OwnApproval, RetroBatchState, TryoutInvalid
from rewards.models import Programme, RetroBatch
from rewards.rules.expiry import life_of
from rewards.services import rule_sets
from rewards.services.tryout.sides import VersionRef, before_ids, check_codes, find_versions
from rewards.services.tryout.work import Period, check_period, codes

COUNT, APPLY, UNDO = "retro_count", "retro_apply", "retro_undo"
State = RetroBatch.State


@transaction.atomic
def create(
    *,
    programme: Programme,
    versions: Sequence[VersionRef],
    period: Period,
    reason: str,
    without: Sequence[str] = (),
    actor: Actor,
) -> RetroBatch:
    """Ask what these versions would have granted beyond the rules of then. Nothing moves yet.

    ``without`` are promotions that the versions stand in for. Prices stay as they
    were paid: only points are counted anew.
    """
    check_period(period)
    check_codes(programme, without)
    if not reason.strip():
        raise ValidationFailed(errors=[fault("/reason", "required")])
    found = find_versions(programme, versions)
    if not (found or without):
        raise TryoutInvalid(errors=[fault("/versions", "required")])
    before = before_ids(programme, "past")
    batch = RetroBatch.objects.create(
        programme=programme,
        job=jobs.enqueue(kind=COUNT, params={"before": before}, actor=actor),
        reason=reason.strip(),
        versions=[version.pk for version in found],
        without=codes(without),
        first_day=period.first_day,
        last_day=period.last_day,
        stores=codes(period.stores),
        created_by=actor.label,
    )
    _trace("retro.asked", batch, actor)
    return batch


@transaction.atomic
def approve(*, batch: RetroBatch, actor: Actor) -> RetroBatch:
    """Say yes to what was counted. The author may not; a second yes is refused."""
    batch = _locked(batch)
    if batch.created_by == actor.label:
        raise OwnApproval
    _refuse_unless(batch, State.COUNTED)
    batch.state, batch.approved_by, batch.approved_at = State.APPROVED, actor.label, clock.now()
    batch.save(update_fields=["state", "approved_by", "approved_at"])
    _trace("retro.approved", batch, actor)
    return batch


@transaction.atomic
def apply(*, batch: RetroBatch, actor: Actor) -> RetroBatch:
    """Let a worker post the points. A repeat changes nothing and answers where it stands.

    Work that broke off is taken up again: what is posted already stays posted.
    """
    batch = _locked(batch)
    if not _broke_off(batch, State.APPLYING):
        if batch.state in (State.APPLYING, State.APPLIED):
            return batch
        _refuse_unless(batch, State.APPROVED)
        lifetime = rule_sets.lifetime_of(batch.programme)
        batch.expires_at = life_of(lifetime, clock.now()).expires_at
    return _send(batch, State.APPLYING, APPLY, batch.items_count, actor)


@transaction.atomic
def undo(*, batch: RetroBatch, actor: Actor) -> RetroBatch:
    """Let a worker take everything back, once. A repeat answers where it stands.

    Points that are spent already go into debt as far as the accounts allow; the
    rest is written off, as with a return.
    """
    batch = _locked(batch)
    if not _broke_off(batch, State.UNDOING):
        if batch.state in (State.UNDOING, State.UNDONE):
            return batch
        _refuse_unless(batch, State.APPLIED)
    return _send(batch, State.UNDOING, UNDO, batch.items_count, actor)


@transaction.atomic
def cancel(*, batch: RetroBatch, actor: Actor) -> RetroBatch:
    """Drop a batch that has not moved anything."""
    batch = _locked(batch)
    if batch.state == State.CANCELLED:
        return batch
    _refuse_unless(batch, State.COUNTING, State.COUNTED, State.APPROVED)
    jobs.cancel(batch.job)
    batch.state, batch.kept = State.CANCELLED, None
    batch.save(update_fields=["state", "kept"])
    _trace("retro.cancelled", batch, actor)
    return batch


def find(public_id: UUID, actor: Actor) -> RetroBatch:
    batch = (
        RetroBatch.objects.visible_to(actor)
        .select_related("job", "programme")
        .defer("kept")
        .filter(public_id=public_id)
        .first()
    )
    if batch is None:
        raise NotFound
    return batch


def _send(batch: RetroBatch, state: State, kind: str, total: int, actor: Actor) -> RetroBatch:
    params = {"batch": batch.pk}
    batch.job = jobs.enqueue(kind=kind, params=params, total=total, actor=actor)
    batch.state = state
    batch.save(update_fields=["state", "job", "expires_at"])
    _trace(f"retro.{state.value}", batch, actor)
    return batch


def _locked(batch: RetroBatch) -> RetroBatch:
    """One step of a batch at a time."""
    rows = RetroBatch.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("job", "programme").get(pk=batch.pk)


def _refuse_unless(batch: RetroBatch, *states: State) -> None:
    if batch.state not in states:
        raise RetroBatchState(state=batch.state)
    failed = batch.job.state == Job.State.FAILED
    if failed and State.COUNTING not in states:
        raise RetroBatchState(state="failed")


def _broke_off(batch: RetroBatch, state: State) -> bool:
    return batch.state == state and batch.job.state == Job.State.FAILED


def _trace(action: str, batch: RetroBatch, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="retro_batch",
        object_id=str(batch.public_id),
        after={"state": batch.state, "given": batch.points_given, "taken": batch.points_taken},
        reason=batch.reason,
        actor=actor,
    )
