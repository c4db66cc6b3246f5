"""A plan becomes a programme: promotions, a ladder, a stamp card, gifts; all in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db import transaction

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from rewards.models import (
    EventKind,
    Occasion,
    Programme,
    ProgrammeSetup,
    Promotion,
    PromotionVersion,
    StampProgramme,
    TierStructure,
)
from rewards.rules.bonuses import Reward
from rewards.rules.setup import Gift, Offer, Plan, StampPlan, free_piece
from rewards.rules.templates import by_code
from rewards.services import promotions, tiers
from rewards.services.events.kinds import save_kind
from rewards.services.occasions.settings import save_occasion
from rewards.services.programmes import BASE_RULE, ensure_default, update_programme
from rewards.services.setup.planning import Draft
from rewards.services.stamps.programmes import create_stamp_programme
from rewards.services.tiers.ladders import Step

LADDER = "club"


@dataclass(frozen=True, kw_only=True)
class Worded:
    """What the plan's codes are called in the language of the wizard, and what else was asked.

    ``start``: what is made goes live now, or in review where the programme wants
    a second person; without it everything stays a draft or switched off.
    """

    names: Mapping[str, str]
    messages: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    aim: str = ""
    start: bool = False


@dataclass
class Made:
    """Codes of what is new, by noun, and of what was there already and stays as it is."""

    new: dict[str, list[str]] = field(default_factory=dict)
    kept: dict[str, list[str]] = field(default_factory=dict)

    def note(self, noun: str, code: str, *, is_new: bool) -> None:
        (self.new if is_new else self.kept).setdefault(noun, []).append(code)


@transaction.atomic
def make_programme(
    *, draft: Draft, worded: Worded, once: str, actor: Actor, new: Mapping[str, Any] | None = None
) -> ProgrammeSetup:
    """Make everything of the plan that is not there yet. Locks the programme.

    ``new``: settings of the programme itself, for a shop that has none yet.

    Nothing that is there is changed, but for the settings of the points' life and a new
    wording of the base rule. Pressing twice (the same ``once``) answers with the first run.
    """
    programme = ensure_default(actor=actor, **(new or {}))
    held = Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    if known := ProgrammeSetup.objects.filter(once=once).first():
        return known
    made, plan = Made(), draft.plan
    _settings(held, plan, worded, actor)
    _offers(held, plan, worded, made, actor)
    _ladder(held, plan, worded, made, actor)
    if plan.stamps:
        _stamps(held, plan.stamps, draft, worded, made, actor)
    for gift in plan.gifts:
        _gift(held, gift, worded, made, actor)
    return _written(held, draft, worded, made, once, actor)


def _settings(programme: Programme, plan: Plan, worded: Worded, actor: Actor) -> None:
    """Without a start the life of points that people have already stays as it is."""
    if worded.start:
        update_programme(
            programme=programme, changes=plan.settings, version=programme.version, actor=actor
        )


def _offers(programme: Programme, plan: Plan, worded: Worded, made: Made, actor: Actor) -> None:
    base = Promotion.objects.filter(programme=programme, code=BASE_RULE).first()
    if base is None:
        base = promotions.create(
            programme=programme, code=BASE_RULE, name=worded.names[BASE_RULE], actor=actor
        )
    _word(programme, base, plan.earning, worded, actor)
    made.note("promotions", BASE_RULE, is_new=True)
    for one in plan.offers:
        _offer(programme, one, worded, made, actor)


def _offer(programme: Programme, one: Offer, worded: Worded, made: Made, actor: Actor) -> None:
    is_new = not Promotion.objects.filter(programme=programme, code=one.code).exists()
    made.note("promotions", one.code, is_new=is_new)
    if is_new:
        name = worded.names[one.code]
        promotion = promotions.create(programme=programme, code=one.code, name=name, actor=actor)
        _word(programme, promotion, one.definition, worded, actor)


def _word(
    programme: Programme, promotion: Promotion, definition: Any, worded: Worded, actor: Actor
) -> PromotionVersion:
    version = promotions.draft(promotion=promotion, definition=definition, actor=actor)
    if not worded.start:
        return version
    if programme.promotions_need_review:
        return promotions.submit(version=version, actor=actor)
    return promotions.go_live(version=version, starts_at=clock.now(), actor=actor)


def _ladder(programme: Programme, plan: Plan, worded: Worded, made: Made, actor: Actor) -> None:
    if not plan.tiers:
        return
    known = TierStructure.objects.filter(programme=programme)
    is_new = not known.filter(code=LADDER).exists()
    made.note("tiers", LADDER, is_new=is_new)
    if is_new:
        ladder = TierStructure(programme=programme, code=LADDER, name=worded.names[LADDER])
        ladder.is_primary = not known.filter(is_primary=True).exists()
        steps = [
            Step(tier.code, worded.names[tier.code], tier.threshold_minor) for tier in plan.tiers
        ]
        tiers.save_structure(structure=ladder, steps=steps, actor=actor)


def _stamps(
    programme: Programme, stamps: StampPlan, draft: Draft, worded: Worded, made: Made, actor: Actor
) -> None:
    """The card, the promotion that stamps it, and the promotion whose coupon a full card gives."""
    goods = draft.answers.goods
    _offer(programme, Offer(stamps.reward, free_piece(goods)), worded, made, actor)
    stamping = by_code["stamps"].build(
        {"goods": {"categories": [goods]}, "stamp_card": stamps.code}
    )
    _offer(programme, Offer(stamps.code, stamping), worded, made, actor)
    is_new = not StampProgramme.objects.filter(programme=programme, code=stamps.code).exists()
    made.note("stamp_cards", stamps.code, is_new=is_new)
    if is_new:
        terms = {
            "code": stamps.code, "name": worded.names[stamps.code], "needed": stamps.needed,
            "reward_kind": "next_coupon", "reward_code": stamps.reward, "reward_amount": 1,
            "reward_valid_days": 60, "is_active": worded.start,
        }  # fmt: skip
        create_stamp_programme(programme=programme, terms=terms, actor=actor)


def _gift(programme: Programme, gift: Gift, worded: Worded, made: Made, actor: Actor) -> None:
    reward = Reward(kind="points", amount=gift.points)
    if gift.kind in Occasion.Kind:
        is_new = not Occasion.objects.filter(programme=programme, kind=gift.kind).exists()
        if is_new:
            save_occasion(
                programme=programme, kind=gift.kind, reward=reward, is_active=worded.start,
                today=clock.now().astimezone(ZoneInfo(programme.time_zone)).date(), actor=actor,
            )  # fmt: skip
    else:
        is_new = not EventKind.objects.filter(programme=programme, code=gift.kind).exists()
        if is_new:
            save_kind(
                programme=programme, code=gift.kind, reward=reward, name=worded.names[gift.kind],
                is_active=worded.start, needs_approval=gift.kind == "review",
                once=_ONCE.get(gift.kind, EventKind.Once.YEAR), actor=actor,
            )  # fmt: skip
    made.note("gifts", gift.kind, is_new=is_new)


_ONCE = {"review": EventKind.Once.OBJECT, "policy_renewed": EventKind.Once.OBJECT}


def _written(
    programme: Programme, draft: Draft, worded: Worded, made: Made, once: str, actor: Actor
) -> ProgrammeSetup:
    setup = ProgrammeSetup.objects.create(
        programme=programme,
        once=once,
        answers=msgspec.to_builtins(draft.answers),
        owner=worded.owner,
        aim=worded.aim,
        made={"new": made.new, "kept": made.kept, "started": worded.start},
        messages=dict(worded.messages),
        actor=actor.label,
    )
    audit.record(
        action="programme.set_up",
        object_type="programme",
        object_id=programme.code,
        after={"answers": setup.answers, "made": setup.made},
        actor=actor,
    )
    return setup
