"""Stamp programmes: made, changed, and the promotion that puts their stamps on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import StampTermsInvalid
from rewards.models import Programme, Promotion, StampProgramme
from rewards.services import promotions
from rewards.services.awards.kinds import KINDS
from rewards.services.awards.presents import POINTS

#: What may be changed while cards are out; the code and what is collected stay.
CHANGEABLE: Final = (
    "name", "needed", "stamp_days", "carry_over", "cards_per_member", "after_use",
    "manual_per_day", "manual_direct", "is_active", "reward_kind", "reward_code",
    "reward_amount", "reward_valid_days",
)  # fmt: skip


@transaction.atomic
def create_stamp_programme(
    *, programme: Programme, terms: Mapping[str, Any], actor: Actor
) -> StampProgramme:
    """``terms``: fields of the model. Refused: ``StampTermsInvalid``, for a taken code as well."""
    made = StampProgramme(programme=programme, **terms)
    refuse_impossible(made)
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as taken:
        message = _("A stamp programme with this code exists.")
        raise StampTermsInvalid(errors=[fault("/code", "taken", message)]) from taken
    _record("stamp_programme.created", made, {}, actor)
    return made


@transaction.atomic
def change_stamp_programme(
    *, stamps: StampProgramme, terms: Mapping[str, Any], actor: Actor
) -> StampProgramme:
    """Full cards keep the reward of their time. A smaller card fills with the next stamp."""
    held = StampProgramme.objects.select_for_update(of=("self",)).get(pk=stamps.pk)
    before = {name: getattr(held, name) for name in CHANGEABLE}
    for name, value in terms.items():
        if name in CHANGEABLE:
            setattr(held, name, value)
    refuse_impossible(held)
    held.save()
    _record("stamp_programme.changed", held, before, actor)
    return held


def refuse_impossible(made: StampProgramme) -> None:
    errors = reward_faults(made.terms)
    if made.needed < 1:
        errors.append(fault("/needed", "too_small", _("A card has at least one stamp.")))
    if made.reward_kind == "stamps" and made.reward_code == made.code:
        errors.append(fault("/reward_code", "loop", _("A card cannot give its own stamps.")))
    if errors:
        raise StampTermsInvalid(errors=errors)


def reward_faults(terms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is wrong about a reward; shared by everything that gives one."""
    kind, errors = terms["kind"], []
    if kind and kind != POINTS and kind not in KINDS:
        errors.append(fault("/reward_kind", "unknown", _("There is no such reward.")))
    if kind and kind != POINTS and not terms["code"]:
        errors.append(fault("/reward_code", "required", _("Say which one.")))
    if kind and terms["amount"] < 1:
        errors.append(fault("/reward_amount", "too_small", _("At least one.")))
    if kind == "next_coupon" and not _is_promotion(terms["code"]):
        errors.append(fault("/reward_code", "unknown", _("There is no such promotion.")))
    return errors


def _is_promotion(code: str) -> bool:
    return Promotion.objects.filter(programme__is_default=True, code=code).exists()


def stamping(stamps: StampProgramme) -> QuerySet[Promotion]:
    """Promotions some version of which puts on these stamps."""
    effect = {"effects": [{"kind": "stamps", "code": stamps.code}]}
    found = Promotion.objects.filter(
        programme=stamps.programme_id, versions__definition__contains=effect
    )
    return found.distinct().order_by("code")


@transaction.atomic
def draft_promotion(*, stamps: StampProgramme, actor: Actor) -> Promotion:
    """A draft that stamps every receipt, or counts every receipt's sum; the marketer narrows it.

    A repeat answers with the one that is there.
    """
    code = f"stamps-{stamps.code}"[:40]
    if known := Promotion.objects.filter(programme=stamps.programme, code=code).first():
        return known
    effect: dict[str, Any] = {"kind": "stamps", "code": stamps.code, "count": 1}
    effect |= {"per": "amount", "per_minor": 1} if stamps.is_sum else {"per": "item"}
    made = promotions.create(programme=stamps.programme, code=code, name=stamps.name, actor=actor)
    promotions.draft(promotion=made, definition={"effects": [effect]}, actor=actor)
    return made


def _record(action: str, stamps: StampProgramme, before: Mapping[str, Any], actor: Actor) -> None:
    now = {name: getattr(stamps, name) for name in CHANGEABLE}
    audit.record(
        action=action,
        object_type="stamp_programme",
        object_id=str(stamps.public_id),
        before={name: value for name, value in before.items() if now[name] != value} or None,
        after={name: value for name, value in now.items() if before.get(name) != value},
        actor=actor,
    )
