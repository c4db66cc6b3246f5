"""Promotions: created once, worded anew by immutable versions, of which one is live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import DefinitionInvalid, PromotionCodeTaken, PromotionState
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.rules import definitions

State = PromotionVersion.State


@transaction.atomic
def create(*, programme: Programme, code: str, name: str, actor: Actor) -> Promotion:
    """A promotion that does nothing yet: its first version says what."""
    promotion, is_new = Promotion.objects.get_or_create(
        programme=programme, code=code, defaults={"name": name}
    )
    if not is_new:
        raise PromotionCodeTaken(pointer="/code")
    _trace("promotion.created", promotion, {"code": code, "name": name}, actor)
    return promotion


@transaction.atomic
def draft(
    *, promotion: Promotion, definition: Mapping[str, Any], priority: int = 100, actor: Actor
) -> PromotionVersion:
    """A new wording that nobody sees yet. It is checked now and never changes."""
    _check(definition)
    _lock(promotion)
    last = promotion.versions.order_by("-number").values_list("number", flat=True).first()
    version = PromotionVersion.objects.create(
        promotion=promotion,
        number=(last or 0) + 1,
        priority=priority,
        definition=dict(definition),
        created_by=actor.label,
    )
    _trace("promotion.drafted", promotion, {"version": version.number}, actor)
    return version


@transaction.atomic
def go_live(
    *,
    version: PromotionVersion,
    starts_at: datetime | None,
    ends_at: datetime | None = None,
    actor: Actor,
) -> PromotionVersion:
    """Make a draft the live version; the one before it ends at the same moment.

    ``starts_at`` None: since ever, for the first version of a rule that history
    shall count by too. Receipts of the old version's days go on to be priced by it.
    """
    _lock(version.promotion)
    version.refresh_from_db()
    if version.state != State.DRAFT:
        raise PromotionState(state=version.state)
    now = clock.now()
    before = version.promotion.versions.filter(state=State.LIVE)
    if before.exists():
        starts_at = max(starts_at or now, now)
    if ends_at and ends_at <= (starts_at or now):
        raise DefinitionInvalid(errors=[fault("/ends_at", "before_start")])
    before.update(state=State.RETIRED, ends_at=starts_at)
    version.state, version.starts_at, version.ends_at = State.LIVE, starts_at, ends_at
    version.save(update_fields=["state", "starts_at", "ends_at"])
    _trace("promotion.live", version.promotion, {"version": version.number}, actor)
    return version


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
    """Stop a promotion from now on; sales of earlier moments keep it. Resume by ``resume``."""
    _lock(promotion)
    version = promotion.versions.filter(state=State.LIVE).first()
    if version is None:
        raise PromotionState(state="none")
    version.state, version.ends_at = State.PAUSED, clock.now()
    version.save(update_fields=["state", "ends_at"])
    _trace("promotion.paused", promotion, {"version": version.number}, actor, reason)
    return version


@transaction.atomic
def resume(*, promotion: Promotion, actor: Actor) -> PromotionVersion:
    """The wording of the last version goes live again, as a version of its own.

    The pause stays visible: receipts that arrive late from its days do not earn by it.
    """
    _lock(promotion)
    last = promotion.versions.order_by("-number").first()
    if last is None or last.state != State.PAUSED:
        raise PromotionState(state=last.state if last else "none")
    return publish(
        promotion=promotion,
        definition=last.definition,
        starts_at=clock.now(),
        priority=last.priority,
        actor=actor,
    )


def _check(definition: Mapping[str, Any]) -> None:
    try:
        definitions.parse(definition)
    except definitions.InvalidDefinitionError as refused:
        raise DefinitionInvalid(
            errors=[
                fault(f"/definition{one['pointer']}", one["code"], **one["params"])
                for one in refused.errors
            ]
        ) from refused


def _lock(promotion: Promotion) -> None:
    """Versions of one promotion are numbered and switched one at a time."""
    Promotion.objects.select_for_update(no_key=True).get(pk=promotion.pk)


def _trace(
    action: str, promotion: Promotion, after: dict[str, object], actor: Actor, reason: str = ""
) -> None:
    audit.record(
        action=action,
        object_type="promotion",
        object_id=str(promotion.public_id),
        after=after,
        reason=reason,
        actor=actor,
    )
