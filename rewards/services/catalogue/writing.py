"""Rewards as marketers write them: what does not fit together is refused, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ConflictVersion
from loyalty_crm.kernel.problems import fault
from members.models import Product
from rewards.errors import RewardCodeTaken, RewardInvalid, RewardStateInvalid
from rewards.models import Cause, Programme, Promotion, Reward, Service, Tier

Kind, State = Reward.Kind, Reward.State
#: What each kind cannot do without, and how it is said.
_NEEDS = {
    Kind.DISCOUNT: ("promotion",),
    Kind.PRODUCT: ("product",),
    Kind.SERVICE: ("service",),
    Kind.DONATION: ("value_minor",),
    Kind.GIFT_CARD: ("value_minor",),
    Kind.GAME_PLAY: ("award_code",),
    Kind.DRAW_TICKET: ("award_code",),
}
_STEPS = {
    State.DRAFT: {State.LIVE, State.RETIRED},
    State.LIVE: {State.PAUSED, State.RETIRED},
    State.PAUSED: {State.LIVE, State.RETIRED},
    State.RETIRED: set(),
}


@dataclass(frozen=True, slots=True)
class RewardTerms:
    """A reward as somebody words it. Amounts in units of points and minor units of money."""

    code: str
    kind: str
    name: str
    price_points: int
    description: str = ""
    translations: dict[str, dict[str, str]] = field(default_factory=dict)
    price_money_minor: int = 0
    image_url: str = ""
    promotion: Promotion | None = None
    product: Product | None = None
    service: Service | None = None
    cause: Cause | None = None
    award_code: str = ""
    quantity: int = 1
    value_minor: int | None = None
    valid_days: int | None = None
    stock_mode: str = Reward.Stock.UNLIMITED
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    needs_confirmation: bool = False
    reserve_days: int = 7
    min_tier: Tier | None = None
    tags: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    min_membership_days: int = 0
    per_member: int | None = None
    per_member_days: int | None = None
    sort: int = 0


@transaction.atomic
def save_reward(
    *,
    terms: RewardTerms,
    programme: Programme,
    reward: Reward | None = None,
    version: int | None = None,
    actor: Actor,
) -> Reward:
    """Write a new reward as a draft, or change one. Redemptions that were made stay as they are.

    A kind never changes once there is a redemption. ``version``: what the caller has
    read, refused as ``conflict_version`` when it is no longer so. Locks the reward.
    """
    refuse_wrong(terms)
    if reward is None:
        reward, before = Reward(programme=programme), None
    else:
        reward = Reward.objects.select_for_update().get(pk=reward.pk)
        before = _summary(reward)
        _refuse_changed(reward, terms, version)
    if Reward.objects.filter(programme=programme, code=terms.code).exclude(pk=reward.pk).exists():
        raise RewardCodeTaken(pointer="/code")
    for one in fields(terms):
        setattr(reward, one.name, getattr(terms, one.name))
    reward.version += bool(reward.pk)
    reward.save()
    audit.record(
        action="reward.changed" if before else "reward.created",
        object_type="reward",
        object_id=str(reward.public_id),
        before=before,
        after=_summary(reward),
        actor=actor,
    )
    return reward


@transaction.atomic
def set_reward_state(*, reward: Reward, state: str, actor: Actor) -> Reward:
    """Put it on offer, pause it, or take it away for good. The same state again changes nothing."""
    reward = Reward.objects.select_for_update().get(pk=reward.pk)
    if reward.state == state:
        return reward
    if state not in _STEPS[State(reward.state)]:
        raise RewardStateInvalid(state=reward.state)
    before, reward.state = reward.state, State(state)
    reward.version += 1
    reward.save(update_fields=["state", "version"])
    audit.record(
        action="reward.state",
        object_type="reward",
        object_id=str(reward.public_id),
        before={"state": before},
        after={"state": state},
        actor=actor,
    )
    return reward


def open_steps(reward: Reward) -> list[Reward.State]:
    return sorted(_STEPS[State(reward.state)], key=list(State).index)


def refuse_wrong(terms: RewardTerms) -> None:
    if errors := list(_faults(terms)):
        raise RewardInvalid(errors=errors)


def _faults(terms: RewardTerms) -> Iterator[dict[str, Any]]:
    for name in _NEEDS.get(Kind(terms.kind), ()):
        if not getattr(terms, name):
            yield fault(f"/{name}", "required", _("This kind of reward needs it."))
    if terms.price_points < 1:
        yield fault("/price_points", "min_value", _("A reward costs at least one point."), min=1)
    if terms.stock_mode == Reward.Stock.WAREHOUSE and terms.kind != Kind.PRODUCT:
        yield fault("/stock_mode", "invalid", _("Only a product has stock in the stores."))
    if terms.starts_at and terms.ends_at and terms.ends_at <= terms.starts_at:
        yield fault("/ends_at", "before_start", _("It ends before it begins."))
    if terms.per_member_days and not terms.per_member:
        yield fault("/per_member", "required", _("Say how many in these days."))


def _refuse_changed(reward: Reward, terms: RewardTerms, version: int | None) -> None:
    if version is not None and version != reward.version:
        raise ConflictVersion(version=reward.version)
    if terms.kind != reward.kind and reward.redemptions.exists():
        text = _("Members have taken it already: make a new reward.")
        raise RewardInvalid(errors=[fault("/kind", "in_use", text)])
    if reward.state == State.RETIRED:
        raise RewardStateInvalid(state=reward.state)


def _summary(reward: Reward) -> dict[str, object]:
    return {
        "code": reward.code,
        "kind": reward.kind,
        "price_points": reward.price_points,
        "price_money_minor": reward.price_money_minor,
        "stock_mode": reward.stock_mode,
        "per_member": reward.per_member,
        "version": reward.version,
    }
