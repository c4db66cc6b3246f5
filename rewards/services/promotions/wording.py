"""The words of promotions: named once, worded by versions that never change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import DefinitionInvalid, PromotionCodeTaken
from rewards.models import Programme, Promotion, PromotionVersion, StackingGroup
from rewards.rules import definitions
from rewards.services.promotions.steps import State, hold, move, require, trace


@transaction.atomic
def create(*, programme: Programme, code: str, name: str, actor: Actor) -> Promotion:
    """A promotion that does nothing yet: its first version says what."""
    promotion, is_new = Promotion.objects.get_or_create(
        programme=programme, code=code, defaults={"name": name}
    )
    if not is_new:
        raise PromotionCodeTaken(pointer="/code")
    trace("created", promotion, None, actor, code=code, name=name)
    return promotion


@transaction.atomic
def rename(*, promotion: Promotion, name: str, actor: Actor) -> Promotion:
    """Another name on screens and receipts; the same name again changes nothing."""
    held = hold(promotion)
    if held.name != name:
        held.name = name
        held.save(update_fields=["name"])
        trace("renamed", held, None, actor, name=name)
    return held


@transaction.atomic
def draft(
    *, promotion: Promotion, definition: Mapping[str, Any], priority: int = 100, actor: Actor
) -> PromotionVersion:
    """A new wording that nobody sees yet. It is checked now and never changes."""
    check(definition, promotion.programme)
    return written(
        hold(promotion),
        "drafted",
        actor,
        definition=dict(definition),
        priority=priority,
        created_by=actor.label,
    )


@transaction.atomic
def duplicate(*, version: PromotionVersion, code: str, name: str, actor: Actor) -> Promotion:
    """A new promotion whose first draft says what this version says."""
    made = create(programme=version.promotion.programme, code=code, name=name, actor=actor)
    draft(promotion=made, definition=version.definition, priority=version.priority, actor=actor)
    return made


@transaction.atomic
def discard(*, version: PromotionVersion, actor: Actor) -> PromotionVersion:
    """Put a draft away for good; it stays readable."""
    held = hold(version.promotion)
    require(version, State.DRAFT)
    move(version, State.ENDED)
    trace("discarded", held, version, actor)
    return version


def written(
    held: Promotion, step: str, actor: Actor, reason: str = "", **words: Any
) -> PromotionVersion:
    """The next version of a promotion that is locked."""
    last = held.versions.order_by("-number").values_list("number", flat=True).first()
    version = PromotionVersion.objects.create(promotion=held, number=(last or 0) + 1, **words)
    trace(step, held, version, actor, reason=reason)
    return version


def check(definition: Mapping[str, Any], programme: Programme) -> None:
    """Refuse what the schema does not know, and stacking groups that do not exist."""
    try:
        parsed = definitions.parse(definition)
    except definitions.InvalidDefinitionError as refused:
        raise DefinitionInvalid(
            errors=[
                fault(f"/definition{one['pointer']}", one["code"], **one["params"])
                for one in refused.errors
            ]
        ) from refused
    group = parsed.stacking.group
    if group and not StackingGroup.objects.filter(programme=programme, code=group).exists():
        raise DefinitionInvalid(
            errors=[fault("/definition/stacking/group", "unknown_group", group=group)]
        )
