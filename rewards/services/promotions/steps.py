"""What every step of a promotion does: lock, move a version, leave a trace."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import SYSTEM, Actor
from loyalty_crm.kernel.errors import ConflictVersion
from rewards.errors import PromotionState, ReviewRequired
from rewards.models import Promotion, PromotionVersion

State = PromotionVersion.State


def hold(promotion: Promotion) -> Promotion:
    """Lock a promotion until the transaction ends, with the clock's own moves written down.

    Versions of one promotion are numbered and switched one at a time.
    """
    known = Promotion.objects.select_related("programme")
    held = known.select_for_update(no_key=True, of=("self",)).get(pk=promotion.pk)
    settle(held, clock.now())
    return held


def expect(*, promotion: Promotion, revision: int | None) -> None:
    """Lock a promotion and refuse when it is not as it was read; None takes it as it is.

    Call it in the transaction of the change.
    """
    held = hold(promotion)
    if revision is not None and held.revision != revision:
        raise ConflictVersion(version=held.revision)


def require(version: PromotionVersion, *states: str) -> None:
    """Read the version again, under the lock, and refuse it in any other state."""
    version.refresh_from_db()
    if version.state not in states:
        raise PromotionState(state=version.state)


def require_approval(held: Promotion, version: PromotionVersion) -> None:
    if held.programme.promotions_need_review and not version.approved_by:
        raise ReviewRequired


def move(version: PromotionVersion, state: str, **changes: Any) -> None:
    """Change the state, and times or approval with it. The database holds the edges."""
    version.state = state
    for name, value in changes.items():
        setattr(version, name, value)
    version.save(update_fields=["state", *changes])


def settle(held: Promotion, now: datetime) -> None:
    """Write down what the clock has done: scheduled versions began, others are over.

    Prices do not wait for this: the rule set goes by the times themselves.
    """
    running = list(held.versions.filter(state__in=[State.LIVE, State.PAUSED, State.SCHEDULED]))
    begun = [
        one
        for one in running
        if one.state == State.SCHEDULED and one.state_at(now) != State.SCHEDULED
    ]
    for version in begun:
        assert version.starts_at is not None
        end_others(held, [one for one in running if one is not version], version.starts_at, SYSTEM)
        move(version, State.LIVE)
        trace("live", held, version, SYSTEM)
    for version in running:
        if version.state == State.LIVE and version.state_at(now) == State.ENDED:
            move(version, State.ENDED)
            trace("ended", held, version, SYSTEM)


def end_others(held: Promotion, others: list[PromotionVersion], at: datetime, actor: Actor) -> None:
    """What ran or paused until now is over: what ran at ``at``, unless it ended before."""
    for version in others:
        if version.state == State.LIVE:
            move(version, State.ENDED, ends_at=min(version.ends_at or at, at))
            trace("ended", held, version, actor)
        elif version.state == State.PAUSED:
            move(version, State.ENDED)
            trace("ended", held, version, actor)


def trace(
    step: str,
    held: Promotion,
    version: PromotionVersion | None,
    actor: Actor,
    *,
    reason: str = "",
    **facts: object,
) -> None:
    """One row of the audit trail, one event, and a new revision of the promotion."""
    Promotion.objects.filter(pk=held.pk).update(revision=F("revision") + 1)
    held.revision += 1
    after: dict[str, object] = {**_of_version(version), **facts}
    audit.record(
        action=f"promotion.{step}",
        object_type="promotion",
        object_id=str(held.public_id),
        after=after,
        reason=reason,
        actor=actor,
    )
    outbox.emit(
        f"promotion.{step}",
        object_type="promotion",
        object_id=str(held.public_id),
        version=held.revision,
        data={"code": held.code, **_of_version(version)},
    )


def _of_version(version: PromotionVersion | None) -> dict[str, object]:
    if version is None:
        return {}
    times = {"starts_at": version.starts_at, "ends_at": version.ends_at}
    said = {name: at.isoformat() for name, at in times.items() if at}
    return {"version": version.number, "state": str(version.state), **said}
