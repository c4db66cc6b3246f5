"""Stacking groups: made once under a code, their mode changed with a trace.

A group is a setting, not a wording: its mode counts from the next sale on, for every
promotion that names it. Receipts keep their decisions and pins, which do not ask groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ConflictVersion
from rewards.errors import GroupCodeTaken
from rewards.models import Programme, StackingGroup

CHANGEABLE = ("name", "mode", "n")


@transaction.atomic
def create_group(
    *, programme: Programme, code: str, name: str, mode: str, n: int = 1, actor: Actor
) -> StackingGroup:
    """A group that wordings may name from now on."""
    group, is_new = StackingGroup.objects.get_or_create(
        programme=programme, code=code, defaults={"name": name, "mode": mode, "n": n}
    )
    if not is_new:
        raise GroupCodeTaken(pointer="/code")
    _trace("created", group, {}, {"name": name, "mode": mode, "n": n}, actor)
    return group


@transaction.atomic
def change_group(
    *,
    group: StackingGroup,
    changes: Mapping[str, Any],
    expected: int | None = None,
    actor: Actor,
) -> StackingGroup:
    """Change name, mode or number (``CHANGEABLE``); what stays the same leaves no trace.

    ``expected`` is the version that was read; None takes the group as it is.
    """
    held = StackingGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    if expected is not None and held.version != expected:
        raise ConflictVersion(version=held.version)
    before = {name: getattr(held, name) for name in CHANGEABLE}
    new = {name: value for name, value in changes.items() if before[name] != value}
    if new:
        for name, value in new.items():
            setattr(held, name, value)
        held.version += 1
        held.save(update_fields=[*new, "version"])
        _trace("changed", held, {name: before[name] for name in new}, new, actor)
    return held


def _trace(
    step: str,
    group: StackingGroup,
    before: dict[str, object],
    after: dict[str, object],
    actor: Actor,
) -> None:
    audit.record(
        action=f"promotion_group.{step}",
        object_type="promotion_group",
        object_id=group.code,
        before=before,
        after=after,
        actor=actor,
    )
    outbox.emit(
        f"promotion_group.{step}",
        object_type="promotion_group",
        object_id=group.code,
        version=group.version,
    )
