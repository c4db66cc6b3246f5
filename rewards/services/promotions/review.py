"""A second person looks at a wording before it reaches the tills."""

from __future__ import annotations

from django.db import transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from rewards.errors import OwnApproval, PromotionState
from rewards.models import PromotionVersion
from rewards.services.promotions.steps import State, hold, move, require, trace


@transaction.atomic
def submit(*, version: PromotionVersion, actor: Actor) -> PromotionVersion:
    """Hand a draft over for review."""
    held = hold(version.promotion)
    require(version, State.DRAFT)
    move(version, State.IN_REVIEW)
    trace("submitted", held, version, actor)
    return version


@transaction.atomic
def withdraw(*, version: PromotionVersion, actor: Actor) -> PromotionVersion:
    """Back to a draft, from review or from a date that has not come; an approval is lost."""
    held = hold(version.promotion)
    require(version, State.IN_REVIEW, State.SCHEDULED)
    _back(version)
    trace("withdrawn", held, version, actor)
    return version


@transaction.atomic
def approve(*, version: PromotionVersion, actor: Actor) -> PromotionVersion:
    """Say yes to a version in review; anybody but its author may, and one is enough.

    It stays in review, approved, until somebody schedules or publishes it. The second
    approval finds the first one and is refused.
    """
    held = hold(version.promotion)
    require(version, State.IN_REVIEW)
    if version.approved_by:
        raise PromotionState(state="approved")
    if version.created_by == actor.label:
        raise OwnApproval
    move(version, State.IN_REVIEW, approved_by=actor.label, approved_at=clock.now())
    trace("approved", held, version, actor)
    return version


@transaction.atomic
def reject(*, version: PromotionVersion, reason: str, actor: Actor) -> PromotionVersion:
    """Say no to a version in review, and why: it is a draft again."""
    held = hold(version.promotion)
    require(version, State.IN_REVIEW)
    _back(version)
    trace("rejected", held, version, actor, reason=reason)
    return version


def _back(version: PromotionVersion) -> None:
    move(version, State.DRAFT, starts_at=None, ends_at=None, approved_by="", approved_at=None)
