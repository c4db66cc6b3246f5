"""Promotions at the tills: from a date or at once, paused, resumed, ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import DefinitionInvalid, PromotionState
from rewards.models import Promotion, PromotionVersion
from rewards.services.promotions.steps import (
    State,
    end_others,
    hold,
    move,
    require,
    require_approval,
    trace,
)
from rewards.services.promotions.wording import check, draft, written

RUNNING = (State.LIVE, State.PAUSED, State.SCHEDULED)


@transaction.atomic
def go_live(
    *,
    version: PromotionVersion,
    starts_at: datetime | None,
    ends_at: datetime | None = None,
    actor: Actor,
) -> PromotionVersion:
    """Make a version the live one; the one before it ends at the same moment.

    ``starts_at`` None: since ever, for the first version of a rule that history
    shall count by too; a later version begins now at the earliest. A moment to come
    schedules it. Receipts of the old version's days go on to be priced by it.
    """
    held = _ready(version)
    now = clock.now()
    if starts_at and starts_at > now:
        return _schedule(held, version, starts_at, ends_at, actor)
    before = list(held.versions.exclude(pk=version.pk).filter(_has_run()))
    if before:
        starts_at = now
    _check_times(starts_at or now, ends_at)
    end_others(held, before, now, actor)
    move(version, State.LIVE, starts_at=starts_at, ends_at=ends_at)
    trace("live", held, version, actor)
    return version


@transaction.atomic
def schedule(
    *,
    version: PromotionVersion,
    starts_at: datetime,
    ends_at: datetime | None = None,
    actor: Actor,
) -> PromotionVersion:
    """Let a version begin at a moment to come, by the clock and without any job.

    What is live then ends at that moment. A scheduled version may be scheduled anew;
    a promotion has one at a time.
    """
    held = _ready(version)
    if starts_at <= clock.now():
        raise DefinitionInvalid(errors=[fault("/starts_at", "in_the_past")])
    return _schedule(held, version, starts_at, ends_at, actor)


@transaction.atomic
def publish(
    *,
    promotion: Promotion,
    definition: Mapping[str, Any],
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    priority: int = 100,
    actor: Actor,
) -> PromotionVersion:
    """Word a promotion and make it live in one step."""
    version = draft(promotion=promotion, definition=definition, priority=priority, actor=actor)
    return go_live(version=version, starts_at=starts_at, ends_at=ends_at, actor=actor)


@transaction.atomic
def pause(*, promotion: Promotion, reason: str = "", actor: Actor) -> PromotionVersion:
    """Stop what is live from now on; sales of earlier moments keep it.

    Tills ask the rules anew with their next request. A scheduled version keeps its date.
    """
    held = hold(promotion)
    version = held.versions.filter(state=State.LIVE).first()
    if version is None:
        raise PromotionState(state=_state_of(held))
    move(version, State.PAUSED, ends_at=clock.now())
    trace("paused", held, version, actor, reason=reason)
    return version


@transaction.atomic
def resume(*, promotion: Promotion, reason: str = "", actor: Actor) -> PromotionVersion:
    """The paused wording goes live again, as a version of its own.

    The pause stays visible: receipts that arrive late from its days do not earn by it.
    Author and approval are those of the wording; who resumed it stands in the trail.
    """
    held = hold(promotion)
    paused = held.versions.filter(state=State.PAUSED).order_by("-number").first()
    if paused is None:
        raise PromotionState(state=_state_of(held))
    names = ("definition", "priority", "created_by", "approved_by", "approved_at")
    words = {name: getattr(paused, name) for name in names}
    version = written(held, "resumed", actor, reason, **words)
    return go_live(version=version, starts_at=clock.now(), actor=actor)


@transaction.atomic
def end(
    *, promotion: Promotion, at: datetime | None = None, reason: str = "", actor: Actor
) -> PromotionVersion:
    """End a promotion for good: now, or at a moment to come (which may be named anew).

    A draft may start it again. Now: what is scheduled is called off as well.
    """
    held = hold(promotion)
    running = {one.state: one for one in held.versions.filter(state__in=RUNNING)}
    if not running:
        raise PromotionState(state=_state_of(held))
    if at is None:
        return _end_now(held, running, reason, actor)
    return _end_later(held, running, at, reason, actor)


def _ready(version: PromotionVersion) -> Promotion:
    """Lock, and refuse what may not start."""
    held = hold(version.promotion)
    require(version, State.DRAFT, State.IN_REVIEW, State.SCHEDULED)
    require_approval(held, version)
    if version.state == State.IN_REVIEW and not version.approved_by:
        raise PromotionState(state=version.state)
    check(version.definition, held.programme)
    return held


def _schedule(
    held: Promotion,
    version: PromotionVersion,
    starts_at: datetime,
    ends_at: datetime | None,
    actor: Actor,
) -> PromotionVersion:
    _check_times(starts_at, ends_at)
    if held.versions.exclude(pk=version.pk).filter(state=State.SCHEDULED).exists():
        raise PromotionState(state=State.SCHEDULED.value)
    move(version, State.SCHEDULED, starts_at=starts_at, ends_at=ends_at)
    trace("scheduled", held, version, actor)
    return version


def _check_times(starts_at: datetime, ends_at: datetime | None) -> None:
    if ends_at and ends_at <= starts_at:
        raise DefinitionInvalid(errors=[fault("/ends_at", "before_start")])


def _has_run() -> Q:
    """Versions whose days are taken: a new one may not reach back into them."""
    return Q(state__in=[State.LIVE, State.PAUSED]) | Q(state=State.ENDED, ends_at__isnull=False)


def _end_now(
    held: Promotion, running: dict[str, PromotionVersion], reason: str, actor: Actor
) -> PromotionVersion:
    for version in running.values():
        if version.state == State.LIVE:
            move(version, State.ENDED, ends_at=clock.now())
        elif version.state == State.SCHEDULED:
            move(version, State.ENDED, ends_at=version.starts_at)
        else:
            move(version, State.ENDED)
        trace("ended", held, version, actor, reason=reason)
    return min(running.values(), key=lambda one: one.number)


def _end_later(
    held: Promotion,
    running: dict[str, PromotionVersion],
    at: datetime,
    reason: str,
    actor: Actor,
) -> PromotionVersion:
    version = running.get(State.SCHEDULED) or running.get(State.LIVE)
    if version is None:
        raise PromotionState(state=State.PAUSED.value)
    if at <= clock.now():
        raise DefinitionInvalid(errors=[fault("/at", "in_the_past")])
    if version.starts_at and at <= version.starts_at:
        raise DefinitionInvalid(errors=[fault("/at", "before_start")])
    move(version, version.state, ends_at=at)
    trace("end_set", held, version, actor, reason=reason)
    return version


def _state_of(held: Promotion) -> str:
    last = held.versions.order_by("-number").values_list("state", flat=True).first()
    return str(last or "none")
